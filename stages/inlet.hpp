#pragma once

#include <weir/mailbox/require.hpp>
#include <weir/stages/stepper.hpp>

#include <algorithm>
#include <vector>

namespace weir::internal {

/// The consumer's view of a mailbox: its rings, taken in turns.
template <class T>
class inlet {
public:
  explicit inlet(std::vector<std::shared_ptr<ring_base>> rings) : owned_{std::move(rings)} {
    for (const auto& one : owned_)
      open_.push_back(static_cast<ring<T>*>(one.get()));
  }

  /// The ring to take the next slice from; null if all are empty. Stays the same until `turn_over`, so that a
  /// failed item is found again.
  ring<T>* next() {
    for (std::size_t tried = 0; tried < open_.size();) {
      auto* one = open_[current_];
      if (one->available() > 0)
        return one;
      if (one->drained()) {
        open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(current_));
        if (current_ == open_.size())
          current_ = 0;
        continue;
      }
      turn_over();
      ++tried;
    }
    return nullptr;
  }

  /// The ring that `next` returned last; it must have returned one.
  ring<T>* current() const {
    require(current_ < open_.size(), "inlet: current() is for after next() has found a ring");
    return open_[current_];
  }
  void turn_over() { current_ = current_ + 1 < open_.size() ? current_ + 1 : 0; }

  /// Makes `one` the current ring if something is in it.
  bool turn_to(const ring_base& one) {
    const auto found = std::ranges::find(open_, &one);
    if (found == open_.end() || (*found)->available() == 0)
      return false;
    current_ = static_cast<std::size_t>(found - open_.begin());
    return true;
  }

  /// Every other ring is closed and empty.
  bool only(const ring_base& one) const { return open_.size() == 1 && open_.front() == &one; }

  /// Every ring is closed and empty.
  bool finished() const { return open_.empty(); }

  void waiting_for(std::vector<ring_base*>& rings) const {
    rings.insert(rings.end(), open_.begin(), open_.end());
  }
  bool something_there() const {
    return std::ranges::any_of(open_, [](auto* one) { return one->consumer_may_go_on(); });
  }
  std::size_t size() const {
    std::size_t items = 0;
    for (auto* one : open_)
      items += one->size();
    return items;
  }

private:
  std::vector<std::shared_ptr<ring_base>> owned_;
  std::vector<ring<T>*> open_;
  std::size_t current_ = 0;
};

} // namespace weir::internal
