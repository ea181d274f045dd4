#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/supervision/failure.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace weir::internal {

/// A slice of a recoverable stage: its outputs, which are held until the state is kept, and whether it is run again.
///
/// Where an item of a slice fails, nothing of the slice has happened: the state goes back, and the next slice runs
/// the items before it once more, keeps the state after them, and only then reports the failure.
/// Owner: the stage's stepper. For a stage without such a state all of it stays empty.
/// Invariants: what is held belongs to items that ran after the state was kept last.
template <class Out>
class kept_slice {
public:
  struct held_item {
    origin where;
    std::vector<Out> outputs;
    std::vector<std::size_t> lanes;
  };

  // --- outputs -------------------------------------------------------------------------------------

  void hold(origin where, std::vector<Out> outputs, std::vector<std::size_t> lanes) {
    held_outputs_ += outputs.size();
    held_.push_back({where, std::move(outputs), std::move(lanes)});
  }
  /// No more is held than there is credit for, but for one item's outputs.
  template <class Room>
  bool full(const Room& room) const {
    return held_outputs_ > 0 && held_outputs_ >= room(held_outputs_ + 1);
  }
  std::vector<held_item>& held() { return held_; }
  void let_go() {
    held_.clear();
    held_outputs_ = 0;
  }

  // --- rolling back --------------------------------------------------------------------------------

  /// An item failed behind `done` others, which are to be run again.
  void roll_back(failure why, std::size_t done) {
    let_go();
    rolled_back_ = rolled_back{std::move(why), done};
  }
  bool runs_again() const { return rolled_back_.has_value(); }
  /// How many of `count` items may be run: those before the one that failed.
  std::size_t limited(std::size_t count) const {
    return rolled_back_ ? std::min(count, rolled_back_->done) : count;
  }
  /// So many of them have been run again. Returns the failure behind them once they all have.
  std::optional<failure> ran_again(std::size_t done) {
    if (!rolled_back_)
      return std::nullopt;
    if (done < rolled_back_->done) { // for want of credit
      rolled_back_->done -= done;
      return std::nullopt;
    }
    auto why = std::move(rolled_back_->why);
    rolled_back_.reset();
    return why;
  }
  void forget_failure() { rolled_back_.reset(); }

private:
  struct rolled_back {
    failure why;
    std::size_t done; // items before the one that failed
  };

  std::vector<held_item> held_; // the slice's
  std::size_t held_outputs_ = 0;
  std::optional<rolled_back> rolled_back_;
};

} // namespace weir::internal
