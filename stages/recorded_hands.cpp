#include <weir/stages/recorded_hands.hpp>

#include <weir/mailbox/require.hpp>

namespace weir::internal {

void recorded_hands::use(std::span<flight_slot> slots, bool one_each) {
  require(!slots.empty(), "recorded_hands: use() needs at least one slot");
  slots_ = slots;
  if (one_each)
    for (auto& one : slots)
      free_.push_back(&one);
  else
    in_turns_ = hand{&slots.front()};
}

hand recorded_hands::take() {
  if (free_.empty())
    return {};
  const hand place{free_.back()};
  free_.pop_back();
  return place;
}

void recorded_hands::give_back(hand place) {
  if (!place)
    return;
  place.empty();
  place.failed({}, 0);
  free_.push_back(place.slot());
}

void recorded_hands::empty() noexcept {
  for (auto& one : slots_)
    one.empty();
}

} // namespace weir::internal
