#pragma once

#include <weir/actors/runtime.hpp>
#include <weir/mailbox/origin_group.hpp>
#include <weir/stages/function_maker.hpp>
#include <weir/stages/payload.hpp>
#include <weir/stages/runner.hpp>
#include <weir/stages/stage_call.hpp>
#include <weir/stages/stage_shape.hpp>
#include <weir/stages/work.hpp>
#include <weir/stages/worker.hpp>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace weir::internal {

/// Runs of a function that does not wait for anything: in the worker's turn; or, if its time is limited, on
/// threads beside it, each with a function of its own.
template <class F, class Work>
class function_runner final : public runner<typename Work::input, typename Work::output> {
  using product = typename Work::product;
  using In = typename Work::input;
  using Out = typename Work::output;

public:
  function_runner(F prototype, const stage_options& options)
      : maker_{std::move(prototype)}, options_{std::make_shared<const stage_options>(options)} {}

  result<void> rebuild(context& where) override {
    idle_.clear();
    ++generation_;
    std::uint32_t functions = limited() ? options_->in_flight_max : 1;
    for (; functions > 0; --functions) {
      place fresh{.generation = generation_, .options = options_};
      if (auto built = maker_.make(fresh.function, where); !built)
        return built;
      idle_.push_back(std::move(fresh));
    }
    return {};
  }

  std::shared_ptr<typed_run<In, Out>> make(In item, worker& self) override {
    return std::make_shared<run>(std::move(item), self);
  }

  void begin(const std::shared_ptr<item_run>& one, origin, worker& self) override {
    if constexpr (Work::takes_item)
      one->payload = kept_payload_of(static_cast<run&>(*one).item);
    if (!limited()) {
      carry_out(static_cast<run&>(*one), *idle_.back().function, *options_, self.where());
      one->ends_in_turn();
      return;
    }
    auto mine = std::static_pointer_cast<run>(one);
    mine->where_it_runs = take_place();
    try {
      if (!crew_)
        crew_ = self.services().node.make_crew(options_->in_flight_max);
      begun_.push_back(std::move(mine));
    } catch (...) {
      one->failed = describe_current_exception();
      one->ends();
    }
  }

  void hand_over() noexcept override {
    if (begun_.empty())
      return;
    try {
      crew_->run(begun_);
    } catch (...) { // no thread to be had, say
      for (const auto& one : std::exchange(begun_, {})) {
        auto& mine = static_cast<run&>(*one);
        mine.failed = describe_current_exception();
        mine.ends();
      }
    }
  }

  std::optional<failure> ended(item_run& one, context& where) override {
    if (!limited())
      return std::nullopt;
    auto mine = std::move(static_cast<run&>(one).where_it_runs);
    if (mine.generation != generation_) {
      if constexpr (recoverable_stage<product>)
        if (!one.failed)
          return take_over(*mine.function, where);
      return std::nullopt;
    }
    std::optional<failure> wrong;
    if constexpr (recoverable_stage<product>)
      wrong = settle_state(!one.failed, mine, where);
    idle_.push_back(std::move(mine));
    return wrong;
  }

  /// The function is left to the run.
  void let_go(item_run& one) override {
    auto& mine = static_cast<run&>(one);
    if (std::erase_if(begun_, [&](const auto& begun) { return begun.get() == &mine; }) == 0
        && crew_)
      crew_->abandon(mine);
  }

  bool outside() const override { return limited(); }

  std::size_t demand(context& where) override {
    if constexpr (demanding_sink<product>)
      if (!idle_.empty())
        return idle_.back().function->demand(where);
    return unlimited;
  }

  std::optional<failure> timer(std::vector<Out>& outputs, context& where) override {
    if constexpr (has_timer<product>)
      return without_item(outputs, where, [&](product& stage, emitter<Out>& emit) {
        return failure_of([&]() -> decltype(auto) { return stage.on_timer(emit, where); });
      });
    else
      return std::nullopt;
  }
  std::optional<failure> drain(std::vector<Out>& outputs, context& where) override {
    if constexpr (Work::settles) {
      std::optional<failure> failed;
      if constexpr (requires(product sink) { sink.on_drain(where); })
        for (auto& one : idle_)
          if (!failed && !std::exchange(one.drained, true)) {
            failed = failure_of([&]() -> decltype(auto) { return one.function->on_drain(where); });
            one.drained = !failed;
          }
      return failed;
    } else if constexpr (has_drain<product>) {
      return without_item(outputs, where, [&](product& stage, emitter<Out>& emit) {
        return failure_of([&]() -> decltype(auto) { return stage.on_drain(emit, where); });
      });
    } else {
      return std::nullopt;
    }
  }

private:
  bool limited() const { return options_->item_time_max.count() > 0; }

  /// A function, which one run at a time uses.
  struct place {
    std::uint64_t generation = 0;
    std::shared_ptr<const stage_options> options = {}; // also for a run that outlives this
    std::unique_ptr<product> function = {};
    bool drained = false;
  };

  /// A run, and where its time is limited the job that it is for a thread.
  struct run final : typed_run<In, Out>, crew_job {
    using typed_run<In, Out>::typed_run;

    void carry_out() noexcept override {
      context where{static_cast<item_run&>(*this)};
      where.progress(); // from here on the function has the item
      function_runner::carry_out(*this, *where_it_runs.function, *where_it_runs.options, where);
      this->ends();
    }

    place where_it_runs{}; // from when it begins until the worker has seen that it ended
  };

  static void carry_out(run& one, product& function, const stage_options& options,
                        context& where) noexcept {
    try {
      one.failed = Work::run(function, one.item, one.outputs, options, where);
    } catch (...) {
      one.failed = describe_current_exception();
    }
  }

  /// There is a free one: with the runs of older generations no more go on than a generation has functions.
  place take_place() {
    auto mine = std::move(idle_.back());
    idle_.pop_back();
    return mine;
  }

  /// The state is kept after each item that succeeded; that of one that failed is taken back.
  std::optional<failure> settle_state(bool succeeded, place& mine, context& where) {
    try {
      if (succeeded)
        maker_.keep(*mine.function);
      else if (auto built = maker_.make(mine.function, where); !built)
        return std::move(built.error());
      return std::nullopt;
    } catch (...) {
      return describe_current_exception();
    }
  }

  /// A run that went on while the worker was started anew has succeeded. Nothing else has run since: the function
  /// that was made meanwhile gets the state that it leaves.
  std::optional<failure> take_over(product& from, context& where) {
    auto before = maker_.kept();
    try {
      maker_.keep(from);
      for (auto& fresh : idle_)
        if (auto built = maker_.make(fresh.function, where); !built) {
          maker_.go_back_to(std::move(before));
          return std::move(built.error());
        }
      return std::nullopt;
    } catch (...) {
      maker_.go_back_to(std::move(before));
      return describe_current_exception();
    }
  }

  template <class Call>
  std::optional<failure> without_item(std::vector<Out>& outputs, context& where, Call call) {
    auto& mine = idle_.back();
    emitter<Out> emit{outputs, SIZE_MAX}; // see has_timer
    auto failed = call(*mine.function, emit);
    if constexpr (recoverable_stage<product>)
      if (auto wrong = settle_state(!failed, mine, where))
        failed = std::move(wrong);
    return failed;
  }

  function_maker<F> maker_;
  const std::shared_ptr<const stage_options> options_;
  std::uint64_t generation_ = 0;
  std::vector<place> idle_;
  std::vector<std::shared_ptr<crew_job>> begun_; // and not handed over yet
  std::unique_ptr<crew> crew_; // once there was a run beside the worker; ends before all else
};

} // namespace weir::internal
