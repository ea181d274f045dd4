#pragma once

#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/batched_settlement.hpp>
#include <weir/stages/consuming_stepper.hpp>
#include <weir/stages/direct_run.hpp>
#include <weir/stages/function_maker.hpp>
#include <weir/stages/kept_slice.hpp>
#include <weir/stages/outlet.hpp>
#include <weir/stages/stage_call.hpp>
#include <weir/stages/stage_shape.hpp>
#include <weir/stages/worker.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace weir::internal {

/// The loop around a stage function, or a stateful stage: items in, items out.
template <class F>
class transform_stepper final
    : public consuming_stepper<typename stage_shape<product_t<F>>::input> {
  using shape = stage_shape<product_t<F>>;
  using In = typename shape::input;
  using Out = typename shape::output;
  using stage = product_t<F>;
  using calls = stage_call<F, shape::moves_item>;
  using consuming_stepper<In>::in_;

public:
  transform_stepper(const ports& where, F prototype)
      : consuming_stepper<In>{where}, maker_{std::move(prototype)}, out_{where.out.front()} {}

  result<void> rebuild(context& where) override { return maker_.make_anew(stage_, where); }

  slice_result step(std::size_t budget, worker& self) override {
    if (!out_.ready() && !out_.flush())
      return without_credit();
    if (auto failed = drained_ ? std::nullopt : timer(self))
      return std::move(*failed);
    auto* from = in_.next();
    if (from == nullptr) {
      if (in_.finished())
        return end_of_stream(self);
      return {.what = slice_result::state::waiting, .for_input = true};
    }
    if (budget == 0)
      return {};
    if constexpr (shape::direct)
      if (auto* to = out_.single(); to != nullptr)
        return step_into(*from, *to, budget, self);
    return step_through(*from, budget, self);
  }

  std::size_t let_go(std::size_t most, worker& self) override {
    if (slice_.runs_again()) // they are counted already
      return 0;
    return consuming_stepper<In>::let_go(most, self);
  }
  std::size_t admit(std::size_t budget, worker& self) override {
    if (slice_.runs_again()) // they were admitted before
      return budget;
    return consuming_stepper<In>::admit(budget, self);
  }
  void blocked_on(std::vector<ring_base*>& rings) const override { out_.blocked_on(rings); }

private:
  /// What came of the items of a slice.
  struct ran {
    std::size_t done = 0; // items finished
    std::optional<failure> failed{};
  };

  /// One item in, at most one out, straight from slot to slot.
  slice_result step_into(ring<In>& from, ring<Out>& to, std::size_t budget, worker& self) {
    const auto count =
        std::min({budget, from.available(), to.credit(budget), from.contiguous(from.read_index()),
                  to.contiguous(to.write_index())});
    if (count == 0)
      return without_credit();
    auto came = direct_run<F>::of(*stage_, from, to, count, self);
    if (came.made > 0)
      to.publish(came.made);
    if (came.done > 0)
      from.release(came.done);
    if (came.failed)
      return this->item_failed(std::move(*came.failed), came.done);
    in_.turn_over();
    return {.items = came.done};
  }

  /// The general way: what an item leads to is held until the item is done.
  slice_result step_through(ring<In>& from, std::size_t budget, worker& self) {
    ran came;
    {
      batched_settlement filtered{self.books(), outcome::filtered};
      came = run_items(from, slice_.limited(std::min(budget, from.available())), filtered, self);
      if constexpr (recoverable_stage<stage>)
        if (auto instead = keep_state(came, filtered, self))
          return std::move(*instead);
    }
    out_.publish();
    if (came.done > 0)
      from.release(came.done);
    if (came.failed)
      return this->item_failed(std::move(*came.failed), came.done);
    // What is run again, and the item that failed, are next in this ring; and where a timer took the credit, its turn
    // is still to come.
    if (!slice_.runs_again() && came.done > 0)
      in_.turn_over();
    return {.items = came.done};
  }

  ran run_items(ring<In>& from, std::size_t count, batched_settlement& filtered, worker& self) {
    const auto first = from.read_index();
    std::size_t done = 0;
    std::optional<failure> failed;
    auto in_hand = self.hands().in_turns();
    for (; done < count && out_.ready() && !full() && !self.aborted(); ++done) {
      auto& item = *from.value(first + done);
      const auto where = from.from(first + done);
      outputs_.clear();
      if (in_hand)
        in_hand.take(where);
      try {
        failed = calls::run(*stage_, item, outputs_, self.options().outputs_max, self.where());
        if (!failed)
          choose_lanes();
      } catch (...) {
        failed = describe_current_exception();
      }
      if (failed)
        break;
      if constexpr (recoverable_stage<stage>)
        slice_.hold(where, std::move(outputs_), std::move(lanes_));
      else
        hand_on(where, outputs_, lanes_, filtered, self);
    }
    return {.done = done, .failed = std::move(failed)};
  }

  /// Is as much held as there is credit for?
  bool full() const {
    return slice_.full([this](std::size_t enough) { return out_.room(enough); });
  }

  /// Keeps the state after a slice, and hands on what it led to; or says what came of the slice instead.
  std::optional<slice_result> keep_state(ran& came, batched_settlement& filtered, worker& self) {
    if (came.failed && came.done > 0)
      return roll_back(std::move(*came.failed), came.done, self);
    if (came.failed) { // with nothing done: it may have changed the state already
      slice_.forget_failure();
      if (auto why = rebuilt(self))
        return failed_with(std::move(*why), 0);
    } else {
      came.failed = slice_.ran_again(came.done);
    }
    if (came.done > 0) {
      try {
        maker_.keep(*stage_);
      } catch (...) { // no item's fault: the slice has not happened, and is run again
        slice_.let_go();
        slice_.forget_failure();
        auto not_kept = failed_with(describe_current_exception(), 0);
        not_kept.wasted = came.done;
        return not_kept;
      }
    }
    for (auto& one : slice_.held())
      hand_on(one.where, one.outputs, one.lanes, filtered, self);
    slice_.let_go();
    return std::nullopt;
  }

  slice_result roll_back(failure why, std::size_t done, worker& self) {
    slice_.roll_back(std::move(why), done);
    if (auto not_rebuilt = rebuilt(self)) {
      auto down = failed_with(std::move(*not_rebuilt), 0);
      down.wasted = done;
      return down;
    }
    return {.wasted = done + 1};
  }

  std::optional<failure> rebuilt(worker& self) {
    try {
      auto why = rebuild(self.where());
      if (why)
        return std::nullopt;
      why.error().kind = failure_kind::fatal; // without a stage there is nothing to go on with
      return std::move(why.error());
    } catch (...) {
      return describe_current_exception();
    }
  }

  void choose_lanes() {
    lanes_.clear();
    for (const auto& output : outputs_)
      lanes_.push_back(out_.lane_of(output));
  }

  void hand_on(origin where, std::vector<Out>& outputs, const std::vector<std::size_t>& lanes,
               batched_settlement& filtered, worker& self) {
    if (outputs.empty())
      filtered.add(where);
    else
      self.books().share(where, static_cast<std::uint32_t>(outputs.size() - 1));
    for (std::size_t k = 0; k < outputs.size(); ++k)
      out_.put(std::move(outputs[k]), where, lanes[k]);
  }

  std::optional<slice_result> timer(worker& self) {
    if constexpr (has_timer<stage>)
      return hook(self, [&](emitter<Out>& emit) -> decltype(auto) {
        return stage_->on_timer(emit, self.where());
      });
    else
      return std::nullopt;
  }

  slice_result end_of_stream(worker& self) {
    if constexpr (has_drain<stage>)
      if (!drained_) {
        if (auto failed = hook(self, [&](emitter<Out>& emit) -> decltype(auto) {
              return stage_->on_drain(emit, self.where());
            }))
          return std::move(*failed);
        drained_ = true;
      }
    if (!out_.flush())
      return without_credit();
    if (!self.letters().all_stored())
      return {.what = slice_result::state::waiting, .time = waiting_as::letters};
    out_.close();
    return {.what = slice_result::state::finished};
  }

  /// Calls what emits without an item: its outputs belong to no position.
  template <class Call>
  std::optional<slice_result> hook([[maybe_unused]] worker& self, Call call) {
    outputs_.clear();
    std::optional<failure> failed;
    try {
      emitter<Out> emit{outputs_, SIZE_MAX}; // see has_timer
      failed = failure_of([&]() -> decltype(auto) { return call(emit); });
      if (!failed) {
        choose_lanes();
        maker_.keep(*stage_);
      }
    } catch (...) {
      failed = describe_current_exception();
    }
    if (failed) {
      if constexpr (recoverable_stage<stage>) // what it changed has not happened
        if (auto why = rebuilt(self))
          failed = std::move(why);
      return failed_with(std::move(*failed), 0);
    }
    for (std::size_t k = 0; k < outputs_.size(); ++k)
      out_.put(std::move(outputs_[k]), origin{}, lanes_[k]);
    out_.publish();
    return std::nullopt;
  }

  function_maker<F> maker_;
  std::unique_ptr<stage> stage_;
  outlet<Out> out_;
  std::vector<Out> outputs_;       // of the item in hand
  std::vector<std::size_t> lanes_; // of outputs_
  bool drained_ = false;
  kept_slice<Out> slice_; // of a recoverable stage
};

} // namespace weir::internal
