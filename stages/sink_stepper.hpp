#pragma once

#include <weir/mailbox/batched_settlement.hpp>
#include <weir/stages/consuming_stepper.hpp>
#include <weir/stages/fenced_batch.hpp>
#include <weir/stages/function_maker.hpp>
#include <weir/stages/rows_in_hand.hpp>
#include <weir/stages/settle_members.hpp>
#include <weir/stages/sink.hpp>
#include <weir/stages/sink_call.hpp>
#include <weir/stages/worker.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace weir::internal {

/// The loop around a sink: what it has taken is settled.
template <class F>
class sink_stepper final : public consuming_stepper<typename sink_shape<product_t<F>>::input> {
  using sink = product_t<F>;
  using In = typename sink_shape<sink>::input;
  using calls = sink_call<F>;
  using consuming_stepper<In>::in_;

public:
  sink_stepper(const ports& where, F prototype)
      : consuming_stepper<In>{where}, maker_{std::move(prototype)} {}

  result<void> rebuild(context& where) override { return maker_.make_anew(sink_, where); }

  slice_result step(std::size_t budget, worker& self) override {
    auto* from = in_.next();
    if (from == nullptr)
      return in_.finished() ? end_of_stream(self)
                            : slice_result{.what = slice_result::state::waiting, .for_input = true};
    if (budget == 0)
      return {};
    if constexpr (demanding_sink<sink>) {
      budget = std::min<std::size_t>(budget, sink_->demand(self.where()));
      if (budget == 0)
        return {.what = slice_result::state::waiting, .time = waiting_as::demand};
    }
    auto came = take_items(*from, budget, self);
    if (came.done > 0)
      from->release(came.done);
    if (came.failed)
      return this->item_failed(std::move(*came.failed), came.done);
    if (std::exchange(shortened_, false)) // what is left of a batch is run in the next slice
      return {.items = came.done, .wasted = 1};
    in_.turn_over();
    return {.items = came.done};
  }

private:
  /// What came of the items of a slice.
  struct ran {
    std::size_t done = 0;
    std::optional<failure> failed{};
  };

  ran take_items(ring<In>& from, std::size_t budget, worker& self) {
    const auto first = from.read_index();
    const auto count = std::min({budget, from.available(), from.contiguous(first)});
    In* const items = from.value(first);
    const origin* const origins = &from.from(first);
    std::size_t done = 0;
    std::optional<failure> failed;
    auto in_hand = self.hands().in_turns();
    batched_settlement stored{self.books(), outcome::acknowledged};
    try {
      if constexpr (cannot_refuse())
        if (!in_hand) // what it costs where nothing is recorded is the call
          for (; done < count && !self.aborted(); ++done)
            calls::direct(*sink_, items[done], self.where());
      for (; done < count && !self.aborted(); ++done) {
        if (in_hand)
          in_hand.take(origins[done]);
        if constexpr (cannot_refuse()) {
          calls::direct(*sink_, items[done], self.where());
        } else {
          failed = take(items[done], from.from(first + done), stored, self);
          if (failed || shortened_)
            break;
        }
      }
    } catch (...) {
      failed = describe_current_exception();
    }
    if constexpr (cannot_refuse())
      stored.add(std::span{origins, done});
    return {done, std::move(failed)};
  }

  /// Does a call return nothing, so that it can only throw?
  static constexpr bool cannot_refuse() {
    if constexpr (batch_sink<sink>)
      return false;
    else
      return std::is_void_v<decltype(calls::direct(std::declval<sink&>(), std::declval<const In&>(),
                                                   std::declval<context&>()))>;
  }

  std::optional<failure> take(In& item, origin& where, batched_settlement& stored, worker& self) {
    if constexpr (batch_sink<sink>) {
      return take_batch(item, where, self);
    } else {
      const rows_in_hand shown{self, where, 1};
      result<void> answer = calls::direct(*sink_, item, self.where());
      if (!answer)
        return std::move(answer.error());
      stored.add(where);
      return std::nullopt;
    }
  }

  std::optional<failure> take_batch(In& batch, origin& where, worker& self) {
    auto answer = store(batch, where, self);
    if (!answer)
      return std::move(answer.error());
    if (answer->fenced.empty()) {
      settle_members(batch, where, *answer, self.trouble_in_hand(), self);
      return std::nullopt;
    }
    if (auto left = leave_out_fenced(self.books(), batch, where, answer->fenced); !left)
      return std::move(left.error());
    shortened_ = !where.empty();
    return std::nullopt;
  }

  result<batch_outcome> store(const In& batch, origin where, worker& self) {
    const rows_in_hand shown{self, where, batch.items.size()};
    return calls::of_batch(*sink_, batch, self.where());
  }

  slice_result end_of_stream(worker& self) {
    if (!self.letters().all_stored())
      return {.what = slice_result::state::waiting, .time = waiting_as::letters};
    if constexpr (requires { sink_->on_drain(self.where()); }) {
      if (!drained_) {
        result<void> answer;
        try {
          answer = sink_->on_drain(self.where());
        } catch (...) {
          answer = describe_current_exception();
        }
        if (!answer)
          return failed_with(std::move(answer.error()), 0);
        drained_ = true;
      }
    }
    return {.what = slice_result::state::finished};
  }

  bool shortened_ = false; // the batch in hand, by rows of fenced partitions
  function_maker<F> maker_;
  std::unique_ptr<sink> sink_;
  bool drained_ = false;
};

} // namespace weir::internal
