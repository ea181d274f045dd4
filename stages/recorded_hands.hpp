#pragma once

#include <weir/stages/hand.hpp>
#include <weir/supervision/flight_slot.hpp>

#include <span>
#include <vector>

namespace weir::internal {

/// The places of one worker in the flight recorder, where the next process finds what was in hand when this one died.
///
/// A stage that runs items in its turns has one place. A stage whose runs go on outside of turns has one for
/// each item in hand: an item takes it and gives it back.
/// Owner: the worker's turns. Where nothing is recorded, there is no place, and every hand tests as false.
class recorded_hands {
public:
  recorded_hands() = default;

  /// These slots are the worker's from now on; `one_each` says that each item takes one of its own. There must be
  /// at least one.
  void use(std::span<flight_slot> slots, bool one_each);

  /// What runs in turns is shown there.
  hand in_turns() const noexcept { return in_turns_; }

  /// A place of its own for an item that is worked on outside of turns. No place where nothing is recorded.
  hand take();
  /// The item is done with.
  void give_back(hand place);

  /// After the last turn: what has ended since is in nobody's hand.
  void empty() noexcept;

private:
  std::span<flight_slot> slots_; // all that it has
  hand in_turns_;
  std::vector<flight_slot*> free_; // those for runs outside of turns
};

} // namespace weir::internal
