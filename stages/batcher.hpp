#pragma once

#include <weir/stages/batch.hpp>
#include <weir/stages/consuming_stepper.hpp>
#include <weir/stages/outlet.hpp>
#include <weir/stages/worker.hpp>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace weir::internal {

/// Gathers items into batches. The only code of the user's is the predicate that says which item is the last of
/// its batch: an item for which it throws fails.
template <class T>
class batch_stepper final : public consuming_stepper<T> {
  using consuming_stepper<T>::in_;

public:
  using predicate = std::function<bool(const T&)>;

  batch_stepper(const ports& where, batch_options options, predicate closes = {})
      : consuming_stepper<T>{where},
        options_{options},
        closes_{std::move(closes)},
        out_{where.out.front()} {}

  result<void> rebuild(context&) override { return {}; }
  /// Without a predicate nothing of the user's is run: see `alone` below.
  std::optional<next_item> next_in_line() override {
    return closes_ ? consuming_stepper<T>::next_in_line() : std::nullopt;
  }

  slice_result step(std::size_t budget, worker& self) override {
    if (!out_.flush())
      return without_credit();
    if (!items_.empty() && self.now() >= due_) {
      hand_on(self);
      if (!out_.ready()) // it is credit that must wake us then, not input
        return without_credit();
    }
    auto* from = in_.next();
    if (from == nullptr)
      return nothing_there(self);
    if (budget == 0) { // what it has gathered goes on in time
      if (!items_.empty())
        self.wake_at(due_);
      return {};
    }
    const auto first = from->read_index();
    auto count = std::min({budget, from->available(), options_.size_max - items_.size()});
    bool alone = false;
    if (self.suspicion().remains()) { // each of them in a batch of its own
      count = std::min<std::size_t>(count, 1);
      alone = count > 0 && self.suspicion().at_any_stage(from->from(first));
      if (alone && !items_.empty()) {
        hand_on(self);
        return {};
      }
    }
    if (items_.empty()) {
      due_ = self.now() + options_.delay_max;
      items_.reserve(options_.size_max);
      origins_.reserve(options_.size_max);
    }
    std::size_t taken = 0;
    bool closed = false;
    std::optional<failure> failed;
    auto in_hand = self.hands().in_turns();
    for (; taken < count && !closed && !self.aborted(); ++taken) {
      auto& item = *from->value(first + taken);
      if (in_hand)
        in_hand.take(from->from(first + taken));
      try {
        closed = closes_ && closes_(item);
      } catch (...) {
        failed = describe_current_exception();
        break;
      }
      items_.push_back(std::move(item));
      origins_.push_back(from->from(first + taken));
    }
    if (taken > 0)
      from->release(taken);
    if (failed)
      return this->item_failed(std::move(*failed), taken);
    in_.turn_over();
    if (items_.size() == options_.size_max || alone || closed)
      hand_on(self);
    return {.items = taken};
  }

  void blocked_on(std::vector<ring_base*>& rings) const override { out_.blocked_on(rings); }

private:
  slice_result nothing_there(worker& self) {
    if (!in_.finished()) {
      slice_result wait{.what = slice_result::state::waiting, .for_input = true};
      if (!items_.empty())
        wait.until = due_;
      return wait;
    }
    hand_on(self); // the end of the stream does not wait for the delay
    if (!out_.flush())
      return without_credit();
    if (!self.letters().all_stored())
      return {.what = slice_result::state::waiting, .time = waiting_as::letters};
    out_.close();
    return {.what = slice_result::state::finished};
  }

  void hand_on(worker& self) {
    if (items_.empty())
      return;
    batch<T> full{std::exchange(items_, {})};
    std::size_t lane = 0;
    try {
      lane = out_.lane_of(full);
    } catch (
        ...) { // a batch without a key goes to the first worker: here nothing can be dead-lettered
    }
    out_.put(std::move(full), self.books().group(std::exchange(origins_, {})), lane);
    out_.flush();
  }

  const batch_options options_;
  const predicate closes_;
  outlet<batch<T>> out_;
  std::vector<T> items_;
  std::vector<origin> origins_;
  time_point due_{};
};

} // namespace weir::internal
