#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/stages/function_maker.hpp>
#include <weir/stages/late_answer.hpp>
#include <weir/stages/product.hpp>
#include <weir/stages/runner.hpp>
#include <weir/stages/settlement.hpp>
#include <weir/stages/sink.hpp>
#include <weir/stages/sink_call.hpp>
#include <weir/stages/stage_call.hpp>
#include <weir/stages/work.hpp>
#include <weir/stages/worker.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::internal {

/// Runs of a sink that settles later. It is given its items in the worker's turns, and has them in hand until it has
/// settled them.
///
/// Failure: before a fresh sink takes the place of another one, that is asked to flush, and has flush_time_max to
/// settle what it was given. Then it is thrown away, and only then does anything begin: so nothing of the old sink
/// comes behind what the fresh one has done, if its destructor lets nothing go.
template <class F>
class late_runner final
    : public runner<typename sink_work<F>::input, typename sink_work<F>::output> {
  using sink = product_t<F>;
  using In = typename sink_work<F>::input;
  using Out = typename sink_work<F>::output;

public:
  /// What a sink that is replaced has to settle what it was given.
  static constexpr std::chrono::seconds flush_time_max{1};

  explicit late_runner(F prototype) : maker_{std::move(prototype)} {}

  result<void> rebuild(context& where) override {
    if (unsettled_ > 0 && !before_) {
      (void)flush(where); // it is thrown away in any case
      before_ = std::move(sink_);
      until_ = where.now() + flush_time_max;
    }
    flushed_ = true;
    return maker_.make_anew(sink_, where);
  }

  std::shared_ptr<typed_run<In, Out>> make(In item, worker& self) override {
    return std::make_shared<run>(std::move(item), self);
  }

  void begin(const std::shared_ptr<item_run>& one, origin, worker& self) override {
    const auto mine = std::static_pointer_cast<run>(one);
    ++unsettled_;
    flushed_ = false;
    try {
      if (auto why = call(std::as_const(mine->item), settlement{mine}, self.where()))
        mine->call_failed(std::move(*why));
      else
        mine->call_returned();
    } catch (...) {
      mine->call_failed(describe_current_exception());
    }
  }

  std::optional<failure> ended(item_run& one, context&) override {
    let_go(one);
    return std::nullopt;
  }
  void let_go(item_run&) override {
    if (--unsettled_ == 0)
      before_.reset();
  }
  void cancel(const std::shared_ptr<item_run>& one) override { interrupt(*one); }
  bool interrupt(item_run& one) override { return static_cast<run&>(one).expires(); }

  failure timed_out(item_run& one, std::chrono::milliseconds timeout) override {
    if (!static_cast<run&>(one).has_expired()) // it was settled at the last moment
      return std::move(*one.failed);
    return transient("not settled within " + std::to_string(timeout.count())
                     + " ms; it may be stored twice");
  }

  bool keeps_order() const override { return false; } // what is stored is settled at once

  std::size_t demand(context& where) override {
    if constexpr (demanding_sink<sink>)
      return sink_->demand(where);
    else
      return unlimited;
  }

  std::optional<time_point> changes_over() const override {
    return before_ ? std::optional{until_} : std::nullopt;
  }

  bool flushes() const override { return sinks::flushing<sink>; }
  std::optional<failure> flush(context& where) override {
    if constexpr (sinks::flushing<sink>) {
      if (sink_ && !std::exchange(flushed_, true)) {
        try {
          return failure_of([&]() -> decltype(auto) { return sink_->flush(where); });
        } catch (...) {
          return describe_current_exception();
        }
      }
    }
    return std::nullopt;
  }

  std::optional<failure> drain(std::vector<Out>&, context& where) override {
    if constexpr (requires { sink_->on_drain(where); })
      return failure_of([&]() -> decltype(auto) { return sink_->on_drain(where); });
    else
      return std::nullopt;
  }

private:
  /// It goes on until its settlement is used, or dropped, or its time is up.
  struct run final : typed_run<In, Out>, late_answer {
    run(In one, worker& self)
        : typed_run<In, Out>{std::move(one), self}, late_answer{static_cast<item_run&>(*this)} {}

    void write(batch_outcome outcome) override {
      if constexpr (sink_work<F>::of_batches) {
        this->failed = sink_call<F>::wrong_row(this->item.items.size(), outcome);
        if (!this->failed)
          this->outputs.push_back(std::move(outcome));
      } else {
        if (!outcome.filtered.empty() || !outcome.rejected.empty())
          this->failed = fatal("the sink named rows of an item that is no batch");
      }
    }
  };

  std::optional<failure> call(const In& item, settlement token, context& where) {
    return failure_of([&]() -> decltype(auto) {
      if constexpr (sinks::late_of_batches<sink>)
        return sink_->on_batch(item, std::move(token), where);
      else
        return sink_->on_item(item, std::move(token), where);
    });
  }

  function_maker<F> maker_;
  std::unique_ptr<sink> sink_;
  std::unique_ptr<sink> before_; // has some time to settle what it was given
  time_point until_{};           // that is over
  std::size_t unsettled_ = 0;    // runs
  bool flushed_ = true;          // since a run began
};

} // namespace weir::internal
