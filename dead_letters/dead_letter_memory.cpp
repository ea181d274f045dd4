#include <weir/dead_letters/dead_letter_memory.hpp>
#include <weir/dead_letters/kept_letters.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

namespace weir::dead_letters {

struct memory::shelf : internal::kept_letters {
  explicit shelf(std::size_t most) : internal::kept_letters{most, audit_max}, capacity{most} {}

  const std::size_t capacity;
  std::mutex lock; // guards the letters
};

struct memory::claimant : internal::kept_letters::claimant {};

memory::memory(std::size_t capacity)
    : kept_{std::make_shared<shelf>(capacity)}, claimant_{std::make_shared<claimant>()} {}
memory::memory(const memory& other)
    : dead_letter_queue{other}, kept_{other.kept_}, claimant_{std::make_shared<claimant>()} {}
memory& memory::operator=(const memory& other) {
  if (this == &other)
    return *this;
  kept_ = other.kept_;
  claimant_ = std::make_shared<claimant>();
  return *this;
}
memory::~memory() = default;

result<void> memory::put(std::span<const dead_letter> letters) {
  const std::lock_guard lock{kept_->lock};
  if (!kept_->has_room_for(letters))
    return transient("the dead letters in memory are full (capacity "
                     + std::to_string(kept_->capacity) + ")");
  for (const auto& one : letters)
    kept_->put(one);
  return {};
}

result<std::vector<dead_letter>> memory::select(const dead_letter_filter& filter, std::size_t max,
                                                const dead_letter_cursor& after) {
  auto wanted = filter;
  wanted.limit = 0; // of all pages together
  const std::lock_guard lock{kept_->lock};
  std::vector<dead_letter> page;
  std::size_t bytes = 0;
  for (const auto* one : kept_->matching(wanted)) {
    const auto& letter = one->letter;
    if (std::tie(letter.key, letter.id) <= std::tie(after.key, after.id))
      continue;
    if (page.size() >= max || bytes > page_bytes)
      break;
    bytes += letter.payload.size();
    page.push_back(letter);
  }
  return page;
}

result<std::vector<dead_letter_count>> memory::histogram(const dead_letter_filter& filter) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts;
  {
    const std::lock_guard lock{kept_->lock};
    for (const auto* one : kept_->matching(filter))
      ++counts[{one->letter.stage, internal::cause_of(one->letter)}];
  }
  std::vector<dead_letter_count> all;
  all.reserve(counts.size());
  for (const auto& [what, count] : counts)
    all.push_back({what.first, what.second, count});
  std::ranges::stable_sort(all, std::greater{}, &dead_letter_count::count);
  dead_letter_tally tally;
  for (auto& one : all)
    tally.add(std::move(one));
  return std::move(tally).take();
}

result<void> memory::edit(std::uint64_t id, std::string payload, const done_by& by) {
  const std::lock_guard lock{kept_->lock};
  kept_->release_orphans();
  auto* const one = kept_->find(id);
  if (one == nullptr)
    return no_letter(id);
  if (one->letter.state == dead_letter_state::replaying)
    return letter_in_use(id);
  kept_->note(edited(one->letter, payload, by));
  one->letter.payload = std::move(payload);
  one->letter.replay_count = 0;
  one->letter.edited_at = by.at;
  return {};
}

result<replay_request> memory::request_replay(const dead_letter_filter& filter,
                                              const replay_terms& terms, const done_by& by) {
  const std::lock_guard lock{kept_->lock};
  kept_->release_orphans();
  replay_request answer;
  for (auto* one : kept_->matching(filter)) {
    if (one->letter.state != dead_letter_state::kept) {
      ++answer.under_way;
    } else if (one->letter.replay_count >= terms.replays_max && !terms.forced) {
      ++answer.too_often;
    } else {
      ++answer.requested;
      if (!terms.dry_run)
        one->letter.state = dead_letter_state::requested;
    }
  }
  if (!terms.dry_run)
    kept_->note(replay_asked(filter, terms, answer, by));
  return answer;
}

result<std::uint64_t> memory::cancel_replay(const dead_letter_filter& filter, const done_by& by) {
  const std::lock_guard lock{kept_->lock};
  kept_->release_orphans();
  std::uint64_t letters = 0;
  auto wanted = filter; // the limit is on those that there is something to take back of
  wanted.state = dead_letter_state::requested;
  if (filter.state.value_or(*wanted.state) == *wanted.state)
    for (auto* one : kept_->matching(wanted)) {
      one->letter.state = dead_letter_state::kept;
      ++letters;
    }
  kept_->note(replay_cancelled(filter, letters, by));
  return letters;
}

result<std::vector<dead_letter>> memory::claim_requested(const dead_letter_filter& filter,
                                                         std::size_t max) {
  const std::lock_guard lock{kept_->lock};
  kept_->release_orphans();
  auto wanted = filter;
  wanted.state = dead_letter_state::requested;
  wanted.limit = filter.limit > 0 ? std::min<std::uint64_t>(filter.limit, max) : max;
  std::vector<dead_letter> claimed;
  if (max == 0)
    return claimed;
  for (auto* one : kept_->matching(wanted)) {
    one->letter.state = dead_letter_state::replaying;
    one->claimed_by = claimant_;
    claimed.push_back(one->letter);
  }
  return claimed;
}

result<void> memory::release(std::span<const std::uint64_t> ids) {
  const std::lock_guard lock{kept_->lock};
  for (const auto id : ids)
    if (auto* const one = kept_->claimed(id, claimant_))
      one->letter.state = dead_letter_state::requested;
  return {};
}

result<void> memory::withdraw(std::span<const std::uint64_t> ids, const std::string& why,
                              const done_by& by) {
  const std::lock_guard lock{kept_->lock};
  std::uint64_t letters = 0;
  for (const auto id : ids)
    if (auto* const one = kept_->claimed(id, claimant_)) {
      one->letter.state = dead_letter_state::kept;
      ++letters;
    }
  kept_->note(withdrawn(ids, letters, why, by));
  return {};
}

result<void> memory::replayed(std::span<const std::uint64_t> ids, const done_by& by) {
  const std::lock_guard lock{kept_->lock};
  std::uint64_t removed = 0;
  for (const auto id : ids)
    if (kept_->claimed(id, claimant_) != nullptr) {
      kept_->forget(id);
      ++removed;
    }
  kept_->note(gone_through(ids, removed, by));
  return {};
}

result<std::uint64_t> memory::purge(const dead_letter_filter& filter, const done_by& by) {
  const std::lock_guard lock{kept_->lock};
  kept_->release_orphans();
  std::vector<std::uint64_t> ids;
  for (const auto* one : kept_->matching(filter, false))
    ids.push_back(one->letter.id);
  for (const auto id : ids)
    kept_->forget(id);
  kept_->note(purged(filter, ids.size(), by));
  return ids.size();
}

result<void> memory::note(const dead_letter_audit& line) {
  const std::lock_guard lock{kept_->lock};
  kept_->note({.at = line.at,
               .who = line.who,
               .what = line.what,
               .about = line.about,
               .outcome = line.outcome}); // without the payload
  return {};
}

result<std::vector<dead_letter_audit>> memory::audit(std::uint64_t after, std::size_t max) {
  const std::lock_guard lock{kept_->lock};
  std::vector<dead_letter_audit> lines;
  for (const auto& one : kept_->audit())
    if (one.number > after && lines.size() < max)
      lines.push_back(one);
  return lines;
}

std::vector<dead_letter> memory::letters() const {
  const std::lock_guard lock{kept_->lock};
  std::vector<dead_letter> all;
  for (const auto& [id, one] : kept_->letters())
    all.push_back(one.letter);
  return all;
}

void memory::clear() {
  const std::lock_guard lock{kept_->lock};
  kept_->clear();
}

} // namespace weir::dead_letters
