#include <weir/dead_letters/replays_in_flight.hpp>
#include <weir/mailbox/acknowledgement.hpp>

#include <utility>

namespace weir::internal {

void replays_in_flight::add(replayed_letter letter) {
  const std::lock_guard lock{lock_};
  const auto id = letter.id;
  in_flight_.emplace(id, std::move(letter));
}

bool replays_in_flight::identify(dead_letter& letter, origin where, letter_of what) {
  const std::lock_guard lock{lock_};
  const auto found = in_flight_.find(acknowledgement::first_of(where).position());
  if (found == in_flight_.end())
    return false;
  auto& was = found->second;
  if (what != letter_of::stranger) {
    letter.source = was.source;
    letter.position = was.position;
  }
  if (what == letter_of::whole_item && !where.is_group()
      && letter.stage == stages_[was.stage].name) {
    letter.part = was.part;
    was.put_back = true;
    return true;
  }
  letter.replay_count = was.replay_count + 1; // another letter, with the history of this one
  return false;
}

bool replays_in_flight::ended(std::uint64_t id, outcome how) noexcept {
  const std::lock_guard lock{lock_};
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end())
    return false;
  found->second.how = how;
  ended_.insert(in_flight_.extract(found)); // as the node that it is
  return true;
}

replays_in_flight::letters_by_id replays_in_flight::take_ended() {
  letters_by_id ended;
  const std::lock_guard lock{lock_};
  ended.swap(ended_);
  return ended;
}

std::optional<std::vector<std::uint64_t>> replays_in_flight::take_left() {
  const std::lock_guard lock{lock_};
  if (!ended_.empty())
    return std::nullopt;
  std::vector<std::uint64_t> left;
  for (const auto& [id, letter] : in_flight_)
    left.push_back(id);
  in_flight_.clear();
  return left;
}

std::size_t replays_in_flight::size() const {
  const std::lock_guard lock{lock_};
  return in_flight_.size();
}

} // namespace weir::internal
