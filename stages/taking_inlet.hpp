#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/ring.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

namespace weir::internal {

/// A mailbox whose items are taken before their places are given back: its rings, in turns.
///
/// Owner: the stepper of a stage that has several items in hand.
/// Invariants: the places of a ring are given back in the order of its items.
template <class T>
class taking_inlet {
public:
  explicit taking_inlet(const std::vector<std::shared_ptr<ring_base>>& rings) {
    for (const auto& one : rings)
      in_.push_back({one, static_cast<ring<T>*>(one.get()), 0, false});
  }

  /// Turns to a ring with an item that is not taken; false if there is none.
  bool next() {
    for (std::size_t tried = 0; tried < in_.size(); ++tried) {
      const auto& one = in_[current_];
      if (!one.passed_over && one.from->available(one.taken + 1) > one.taken)
        return true;
      turn_over();
    }
    return false;
  }

  // The ring that `next` turned to, and its next item.
  std::size_t current() const { return current_; }
  ring<T>& from() const { return *in_[current_].from; }
  ring<T>& ring_at(std::size_t which) const { return *in_[which].from; }
  std::size_t index() const { return from().read_index() + in_[current_].taken; }
  void take() { ++in_[current_].taken; }
  void turn_over() { current_ = (current_ + 1) % in_.size(); }

  /// The oldest item that was taken from that ring is done with.
  void release(std::size_t index) {
    --in_[index].taken;
    in_[index].from->release(1);
  }

  // What is next in a ring may be of no use for now. Until that is forgotten `next` does not turn to it, and nobody
  // waits for it.
  void pass_over() {
    in_[current_].passed_over = true;
    turn_over();
  }
  void forget_passed_over() {
    for (auto& one : in_)
      one.passed_over = false;
  }

  /// Is there an item that is not taken, and not passed over?
  bool untaken() const {
    return std::ranges::any_of(
        in_, [](const auto& one) { return !one.passed_over && one.from->size() > one.taken; });
  }
  /// Is every ring closed, and all of it taken?
  bool exhausted() const { return std::ranges::all_of(in_, &input::exhausted); }
  bool exhausted_but_for(const ring_base* which) const {
    return std::ranges::all_of(
        in_, [&](const auto& one) { return one.from == which || one.exhausted(); });
  }

  /// Is every other ring closed and empty?
  bool only(const ring_base& which) const {
    return std::ranges::all_of(
        in_, [&](const auto& one) { return one.from == &which || one.from->drained(); });
  }

  void waiting_for(std::vector<ring_base*>& rings) const {
    for (const auto& one : in_)
      if (one.may_change())
        rings.push_back(one.from);
  }
  bool something_there() const {
    return std::ranges::any_of(in_, [](const auto& one) {
      return one.may_change() && one.from->consumer_may_go_on(one.taken);
    });
  }
  std::size_t size() const {
    std::size_t items = 0;
    for (const auto& one : in_)
      items += one.from->size();
    return items;
  }

private:
  struct input {
    std::shared_ptr<ring_base> owned;
    ring<T>* from;
    std::size_t taken; // items at the front
    bool passed_over;

    bool may_change() const { return !passed_over && !exhausted(); }
    bool untaken() const { return from->size() > taken; }
    bool exhausted() const {
      const bool closed = from->closed(); // before the size: nothing comes after it
      return closed && from->size() == taken;
    }
  };

  std::vector<input> in_;
  std::size_t current_ = 0;
};

} // namespace weir::internal
