#pragma once

#include <weir/actors/runtime.hpp>
#include <weir/mailbox/origin_group.hpp>
#include <weir/stages/payload.hpp>
#include <weir/stages/runner.hpp>
#include <weir/stages/stage_call.hpp>
#include <weir/stages/stage_shape.hpp>
#include <weir/stages/work.hpp>
#include <weir/stages/worker.hpp>

#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace weir {

/// Runs of a function that does not wait for anything: in the worker's turn; or, if its time is limited, on
/// threads beside it, each with a function of its own.
template <class F, class Work>
class function_runner final : public runner<typename Work::input, typename Work::output> {
  using product = typename Work::product;
  using In = typename Work::input;
  using Out = typename Work::output;
  using run = typed_run<In, Out>;

public:
  function_runner(F prototype, const stage_options& options)
      : prototype_{std::move(prototype)}, options_{options} {}

  result<void> rebuild(context& where) override {
    idle_.clear();
    ++generation_;
    std::uint32_t functions = limited() ? options_.in_flight_max : 1;
    for (; functions > 0; --functions) {
      place fresh{.generation = generation_};
      if (auto built = fill(fresh, where); !built)
        return built;
      idle_.push_back(std::move(fresh));
    }
    return {};
  }

  std::shared_ptr<run> make(In item, worker& self) override {
    return std::make_shared<run>(std::move(item), self);
  }

  void begin(const std::shared_ptr<item_run>& one, origin, worker& self) override {
    if constexpr (Work::takes_item)
      one->payload = kept_payload_of(static_cast<run&>(*one).item);
    if (!limited()) {
      carry_out(static_cast<run&>(*one), *idle_.back().function, options_, self.where());
      one->ends_in_turn();
      return;
    }
    auto mine = take_place();
    try {
      if (!mine.thread)
        mine.thread = self.services().node.make_helper();
      mine.thread->run([one, function = mine.function, options = options_]() mutable {
        context where{*one};
        where.progress(); // from here on the function has the item
        carry_out(static_cast<run&>(*one), *function, options, where);
        function.reset();
        one->ends();
      });
    } catch (...) { // no thread to be had, say
      one->failed = describe_current_exception();
      one->ends();
    }
    busy_.emplace(one.get(), std::move(mine));
  }

  std::optional<failure> ended(item_run& one, context& where) override {
    if (!limited())
      return std::nullopt;
    auto mine = std::move(busy_.extract(&one).mapped());
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

  void let_go(item_run& one) override {
    if (auto mine = busy_.extract(&one); mine && mine.mapped().thread)
      mine.mapped().thread->abandon();
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
  bool limited() const { return options_.item_time_max.count() > 0; }

  /// A function, and the thread it runs on once it has run.
  struct place {
    std::uint64_t generation;
    std::shared_ptr<product> function = {};
    std::shared_ptr<helper> thread = {};
    bool drained = false;
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

  result<void> fill(place& one, context& where) {
    auto fresh = std::make_shared<product>(weir::product<F>::make(prototype_));
    if constexpr (recoverable_stage<product>)
      if (kept_)
        fresh->restore(*kept_);
    if (auto begun = started(*fresh, where); !begun)
      return begun;
    one.function = std::move(fresh);
    return {};
  }

  /// The state is kept after each item that succeeded; that of one that failed is taken back.
  std::optional<failure> settle_state(bool succeeded, place& mine, context& where) {
    try {
      if (succeeded)
        kept_ = mine.function->checkpoint();
      else if (auto built = fill(mine, where); !built)
        return std::move(built.error());
      return std::nullopt;
    } catch (...) {
      return describe_current_exception();
    }
  }

  /// A run that went on while the worker was started anew has succeeded. Nothing else has run since: the function
  /// that was made meanwhile gets the state that it leaves.
  std::optional<failure> take_over(product& from, context& where) {
    auto before = kept_;
    try {
      kept_ = from.checkpoint();
      for (auto& fresh : idle_)
        if (auto built = fill(fresh, where); !built) {
          kept_ = std::move(before);
          return std::move(built.error());
        }
      return std::nullopt;
    } catch (...) {
      kept_ = std::move(before);
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

  F prototype_;
  const stage_options options_;
  std::uint64_t generation_ = 0;
  std::vector<place> idle_;
  std::unordered_map<const item_run*, place> busy_;
  std::optional<kept_state<product>> kept_; // of a recoverable stage
};

} // namespace weir
