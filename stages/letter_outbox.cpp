#include <weir/stages/letter_outbox.hpp>

#include <weir/dead_letters/dead_letter_actor.hpp>
#include <weir/dead_letters/replay_actor.hpp>
#include <weir/mailbox/require.hpp>
#include <weir/mailbox/resume_point.hpp>
#include <weir/stages/type_name.hpp>

#include <functional>
#include <utility>

namespace weir::internal {

void letter_outbox::add(origin where, std::string payload, const std::type_info& payload_type,
                        failure why, const item_trouble& trouble, letter_of what, std::string key) {
  const auto read_at =
      what == letter_of::stranger ? resume_point{} : services_.books.position_of(where);
  // Several items of one position may fail in one stage: their payloads tell them apart, the same ones again
  // after a crash; equal payloads are counted.
  const auto part = static_cast<std::uint32_t>(std::hash<std::string>{}(payload));
  dead_letter letter{.pipeline = services_.pipeline,
                     .stage = stage_,
                     .source = read_at.partition,
                     .position = read_at.position,
                     .key = std::move(key),
                     .payload = std::move(payload),
                     .payload_type = type_name(payload_type),
                     .attempts = trouble.attempts,
                     .first_failed_at = trouble.first_failed_at,
                     .last_failed_at = services_.node.wall_clock(),
                     .why = std::move(why)};
  const bool same =
      services_.replays != nullptr && services_.replays->identify(letter, where, what);
  if (!same) {
    letter.part =
        part
        + services_.dead_letters->letters_before(stage_, {letter.source, letter.position}, part);
    if (letter.source.empty()) // nothing else tells it from one of another life
      letter.position = services_.dead_letters->life();
  }
  // The letter of a replayed item has been counted, unless it was edited into another key.
  const bool counts = keys_ != nullptr && !letter.key.empty() && !(same && keys_->one(letter.key));
  if (counts)
    keys_->add(letter.key, {letter.source, letter.position});
  outgoing_.push_back({.letter = std::move(letter),
                       .where = where,
                       .from = this,
                       .keys = counts ? keys_ : nullptr});
  worker_counters::add(counters_.dead_lettered, 1);
  on_their_way_.fetch_add(1);
}

void letter_outbox::take_back(std::size_t letters) noexcept {
  require(letters <= outgoing_.size(),
          "letter_outbox: take_back() is for letters that have not been handed over");
  outgoing_.erase(outgoing_.end() - static_cast<std::ptrdiff_t>(letters), outgoing_.end());
  counters_.dead_lettered.fetch_sub(letters, std::memory_order_relaxed);
  on_their_way_.fetch_sub(static_cast<std::uint32_t>(letters));
}

bool letter_outbox::hand_over() {
  std::size_t taken = 0;
  while (taken < outgoing_.size() && services_.dead_letters->offer(outgoing_[taken], who_))
    ++taken;
  outgoing_.erase(outgoing_.begin(), outgoing_.begin() + static_cast<std::ptrdiff_t>(taken));
  return outgoing_.empty();
}

std::optional<std::string> letter_outbox::held_behind(const std::string& key, origin where) const {
  return keys_->held_behind(key, services_.books.position_of(where));
}

void letter_outbox::hold_behind(const std::string& whom, origin where, item_as_letter item) {
  add(where, std::move(item), transient("held behind " + whom + " of the same key"),
      {.attempts = 0, .first_failed_at = services_.node.wall_clock()});
}

} // namespace weir::internal
