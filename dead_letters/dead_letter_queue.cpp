#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/supervision/utc.hpp>

#include <algorithm>
#include <iterator>

namespace weir {

bool dead_letter_filter::operator==(const dead_letter_filter&) const = default;
bool dead_letter_count::operator==(const dead_letter_count&) const = default;

bool dead_letter_filter::matches(const dead_letter& letter) const {
  const auto wanted = [](const std::string& value, const std::string& is) {
    return value.empty() || value == is;
  };
  return (ids.empty() || std::ranges::find(ids, letter.id) != ids.end())
         && wanted(pipeline, letter.pipeline) && wanted(stage, letter.stage)
         && wanted(source, letter.source)
         && (cause.empty() || letter.why.message().find(cause) != std::string::npos)
         && (!kind || *kind == letter.why.kind) && (!key || *key == letter.key)
         && (!state || *state == letter.state) && (!since || letter.last_failed_at >= *since)
         && (!until || letter.last_failed_at < *until);
}

std::string dead_letter_filter::text() const {
  std::string all;
  const auto add = [&all](const std::string& one) { all += (all.empty() ? "" : ", ") + one; };
  const auto add_value = [&add](const char* name, const std::string& value) {
    if (!value.empty())
      add(name + std::string{" "} + value);
  };
  if (!ids.empty())
    add(ids_text(ids));
  add_value("pipeline", pipeline);
  add_value("stage", stage);
  add_value("source", source);
  if (!cause.empty())
    add("cause '" + cause + "'");
  if (kind)
    add("kind " + std::string{to_string(*kind)});
  if (key)
    add("key '" + *key + "'");
  if (state)
    add("state " + std::string{to_string(*state)});
  if (since)
    add("since " + utc_text(*since));
  if (until)
    add("until " + utc_text(*until));
  if (limit > 0)
    add("the first " + std::to_string(limit));
  return all.empty() ? "all" : all;
}

result<std::uint64_t> for_each_letter(dead_letter_queue& queue, const dead_letter_filter& filter,
                                      const std::function<result<void>(const dead_letter&)>& show) {
  constexpr std::uint64_t page_letters = 100;
  const auto most = filter.limit > 0 ? filter.limit : UINT64_MAX;
  std::uint64_t shown = 0;
  dead_letter_cursor after;
  while (shown < most) {
    auto page = queue.select(filter, std::min(page_letters, most - shown), after);
    if (!page)
      return std::move(page.error());
    if (page->empty())
      break;
    for (const auto& one : *page) {
      if (auto done = show(one); !done)
        return std::move(done.error());
      ++shown;
    }
    after = {page->back().key, page->back().id};
  }
  return shown;
}

std::string ids_text(std::span<const std::uint64_t> ids) {
  constexpr std::size_t most = 100;
  std::string text = ids.size() == 1 ? "id" : "ids";
  for (std::size_t k = 0; k < std::min(ids.size(), most); ++k)
    text += (k == 0 ? " " : ", ") + std::to_string(ids[k]);
  if (ids.size() > most)
    text += " and " + std::to_string(ids.size() - most) + " more";
  return text;
}

std::string letters_text(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " letter" : " letters");
}

std::string to_string(const replay_request& answer) {
  auto text = letters_text(answer.requested) + " requested";
  if (answer.under_way > 0)
    text += ", " + std::to_string(answer.under_way) + " under way already";
  if (answer.too_often > 0)
    text += ", " + std::to_string(answer.too_often) + " left out: replayed too often";
  return text;
}

std::string cause_of(const dead_letter& letter) {
  return letter.why.chain.empty() ? "no cause was given" : letter.why.chain.front();
}

failure no_letter(std::uint64_t id) {
  return poison("there is no dead letter " + std::to_string(id));
}

failure letter_in_use(std::uint64_t id) {
  return poison("dead letter " + std::to_string(id) + " is being replayed");
}

dead_letter_audit failed_again(const dead_letter& letter) {
  return {.number = 0,
          .at = letter.last_failed_at,
          .who = "pipeline " + letter.pipeline,
          .what = "failed again",
          .about = ids_text({&letter.id, 1}),
          .outcome = "replayed " + std::to_string(letter.replay_count)
                     + (letter.replay_count == 1 ? " time, " : " times, ")
                     + std::to_string(letter.attempts) + " attempts"};
}

dead_letter_audit replay_asked(const dead_letter_filter& filter, const replay_terms& terms,
                               const replay_request& answer, const done_by& by) {
  return {0,
          by.at,
          by.who,
          "replay",
          filter.text() + (terms.forced ? ", forced" : ""),
          to_string(answer)};
}

dead_letter_audit replay_cancelled(const dead_letter_filter& filter, std::uint64_t letters,
                                   const done_by& by) {
  return {0, by.at, by.who, "cancel", filter.text(), letters_text(letters) + " kept"};
}

dead_letter_audit edited(const dead_letter& before, const std::string& payload, const done_by& by) {
  auto outcome = "payload of " + std::to_string(before.payload.size()) + " bytes replaced by "
                 + std::to_string(payload.size()) + " bytes";
  if (before.replay_count > 0)
    outcome += ", after " + std::to_string(before.replay_count) + " replays";
  return {0, by.at, by.who, "edit", ids_text({&before.id, 1}), std::move(outcome), before.payload};
}

dead_letter_audit withdrawn(std::span<const std::uint64_t> ids, std::uint64_t kept,
                            const std::string& why, const done_by& by) {
  return {0, by.at, by.who, "withdrawn", ids_text(ids), letters_text(kept) + " kept: " + why};
}

dead_letter_audit gone_through(std::span<const std::uint64_t> ids, std::uint64_t removed,
                               const done_by& by) {
  return {0, by.at, by.who, "replayed", ids_text(ids), letters_text(removed) + " removed"};
}

dead_letter_audit purged(const dead_letter_filter& filter, std::uint64_t removed,
                         const done_by& by) {
  return {0, by.at, by.who, "purge", filter.text(), letters_text(removed) + " removed"};
}

std::vector<dead_letter_count> dead_letter_tally::take() && { return std::move(counts_); }

void dead_letter_tally::add(dead_letter_count one) {
  if (counts_.size() >= dead_letter_queue::causes_max) {
    one.cause = other_causes;
    const auto place =
        std::find_if(counts_.begin() + static_cast<std::ptrdiff_t>(dead_letter_queue::causes_max),
                     counts_.end(), [&](const auto& other) { return other.stage == one.stage; });
    if (place != counts_.end()) {
      place->count += one.count;
      return;
    }
  }
  counts_.push_back(std::move(one));
}

} // namespace weir
