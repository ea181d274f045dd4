#pragma once

#include <weir/stages/exits.hpp>
#include <weir/stages/function_maker.hpp>
#include <weir/stages/runner.hpp>
#include <weir/stages/runs.hpp>
#include <weir/stages/signature.hpp>
#include <weir/stages/sink.hpp>
#include <weir/stages/sink_call.hpp>
#include <weir/stages/stage_call.hpp>
#include <weir/stages/stage_shape.hpp>
#include <weir/stages/work.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

/// Include this to give a pipeline stages and sinks that wait: what returns boost::asio::awaitable<…>.
namespace weir::internal {

/// How an awaitable stage function is called.
template <class F>
struct awaitable_stage_work {
  using product = product_t<F>;
  using shape = stage_shape<product>;
  using input = typename shape::input;
  using output = typename shape::output;
  static constexpr bool settles = false;
  static_assert(!shape::parameters::wants_context && !shape::parameters::emits,
                "weir: an awaitable stage function takes its item only");

  static auto call(product& stage, const input& item, context&) { return stage(item); }
};

/// How an awaitable sink is called.
template <class F>
struct awaitable_sink_work {
  using product = product_t<F>;
  using input = typename sink_shape<product>::input;
  using output = typename sink_work<F>::output;
  static constexpr bool settles = true;

  static auto call(product& sink, const input& item, context& where) {
    return sink_call<F>::awaitable(sink, item, where);
  }
};

/// Runs of an awaitable stage function or sink, on the node's I/O context.
///
/// A run that takes longer than `timeout` is cancelled, and only when it has really ended does the item count as
/// failed. What it waits for does not count as time for the item; but once it is cancelled it has item_time_max to
/// end, if the stage has one.
template <class F, class Work = awaitable_stage_work<F>>
class io_runner final : public runner<typename Work::input, typename Work::output> {
  using stage = typename Work::product;
  using In = typename Work::input;
  using Out = typename Work::output;
  using run = typed_run<In, Out>;

public:
  explicit io_runner(F prototype) : maker_{std::move(prototype)} {}

  result<void> rebuild(context& where) override {
    io_ = &where.node().io();
    stage_.reset(); // runs that go on have it still
    std::unique_ptr<stage> fresh;
    auto made = maker_.make(fresh, where);
    stage_ = std::move(fresh);
    return made;
  }

  std::shared_ptr<run> make(In item, worker& self) override {
    return std::make_shared<operation>(std::move(item), self);
  }

  void begin(const std::shared_ptr<item_run>& one, origin, worker&) override {
    auto mine = std::static_pointer_cast<operation>(one);
    mine->function = stage_;
    mine->waits();
    begun_.push_back(std::move(mine));
  }

  /// The I/O thread is woken once for all of them.
  void hand_over() noexcept override {
    if (begun_.empty())
      return;
    auto now = std::exchange(begun_, {});
    try {
      boost::asio::post(*io_, [now, io = io_] {
        for (const auto& mine : now)
          spawn(*io, mine);
      });
    } catch (...) { // no memory
      for (const auto& mine : now)
        fail(*mine);
    }
  }

  void cancel(const std::shared_ptr<item_run>& one) override {
    boost::asio::post(*io_, [mine = std::static_pointer_cast<operation>(one)] {
      mine->cancellation.emit(boost::asio::cancellation_type::terminal);
    });
  }

  failure timed_out(item_run& one, std::chrono::milliseconds timeout) override {
    auto why = runner<In, Out>::timed_out(one, timeout);
    if constexpr (Work::settles)
      why.chain.front() += "; it may be stored twice";
    return why;
  }

  bool keeps_order() const override { return !Work::settles; } // what is stored is settled at once

  std::size_t demand(context& where) override {
    if constexpr (Work::settles && demanding_sink<stage>)
      return stage_->demand(where);
    else
      return unlimited;
  }

  std::optional<failure> drain(std::vector<Out>&, context& where) override {
    if constexpr (Work::settles && requires { stage_->on_drain(where); })
      return failure_of([&]() -> decltype(auto) { return stage_->on_drain(where); });
    else
      return std::nullopt;
  }

private:
  /// Written by the I/O thread until it has ended.
  struct operation final : run {
    using run::run;
    std::shared_ptr<stage> function;
    boost::asio::cancellation_signal cancellation;
    context where{static_cast<item_run&>(*this)};
  };

  static void spawn(boost::asio::io_context& io, const std::shared_ptr<operation>& mine) noexcept {
    try {
      boost::asio::co_spawn(io, work(mine),
                            boost::asio::bind_cancellation_slot(
                                mine->cancellation.slot(), [mine](std::exception_ptr thrown) {
                                  if (thrown)
                                    mine->failed = described(thrown);
                                  ends(*mine);
                                }));
    } catch (...) { // no memory: it has not begun
      fail(*mine);
    }
  }
  /// By the current exception.
  static void fail(operation& mine) noexcept {
    mine.failed = describe_current_exception();
    ends(mine);
  }
  static void ends(operation& mine) noexcept {
    mine.function.reset();
    mine.ends();
  }

  static boost::asio::awaitable<void> work(std::shared_ptr<operation> of) {
    using answer_type =
        typename decltype(Work::call(*of->function, of->item, of->where))::value_type;
    if constexpr (std::is_void_v<answer_type>) {
      co_await Work::call(*of->function, of->item, of->where);
    } else {
      auto answer = co_await Work::call(*of->function, of->item, of->where);
      take_answer(*of, answer);
    }
  }

  template <class T>
  static void take_answer(operation& of, T& answer) {
    if constexpr (std::is_same_v<T, result<void>>) {
      if (!answer)
        of.failed = std::move(answer.error());
    } else if constexpr (std::is_same_v<T, Out>) {
      if constexpr (std::is_same_v<T, batch_outcome>)
        of.failed = sink_call<F>::wrong_row(of.item.items.size(), answer);
      of.outputs.push_back(std::move(answer));
    } else if constexpr (requires { answer.error(); }) {
      if (answer)
        take_answer(of, *answer);
      else
        of.failed = std::move(answer.error());
    } else if constexpr (requires { answer.has_value(); }) {
      if (answer)
        of.outputs.push_back(std::move(*answer));
    } else {
      of.outputs = std::move(answer);
    }
  }

  static failure described(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (...) {
      return describe_current_exception();
    }
  }

  function_maker<F> maker_;
  std::shared_ptr<stage> stage_;
  std::vector<std::shared_ptr<operation>> begun_; // and not handed over yet
  boost::asio::io_context* io_ = nullptr;
};

/// The loop around an awaitable stage function.
template <class F>
class awaitable_stepper final
    : public runs_stepper<typename stage_shape<product_t<F>>::input,
                          flow_exit<typename stage_shape<product_t<F>>::input,
                                    typename stage_shape<product_t<F>>::output>> {
  using shape = stage_shape<product_t<F>>;

public:
  awaitable_stepper(const ports& where, F prototype)
      : runs_stepper<typename shape::input,
                     flow_exit<typename shape::input, typename shape::output>>{
          where, std::make_unique<io_runner<F>>(std::move(prototype))} {}
};

/// The loop around an awaitable sink.
template <class F>
class awaitable_sink_stepper final
    : public runs_stepper<typename sink_work<F>::input,
                          sink_exit<typename sink_work<F>::input, typename sink_work<F>::output>> {
  using work = awaitable_sink_work<F>;

public:
  awaitable_sink_stepper(const ports& where, F prototype)
      : runs_stepper<typename work::input, sink_exit<typename work::input, typename work::output>>{
          where, std::make_unique<io_runner<F, work>>(std::move(prototype))} {}
};

/// Runs an awaitable to its end in the caller's thread, for repro. What it leaves behind in the I/O context, as
/// idle connections, outlives the call; one at a time.
template <class T, class Executor>
class awaitable_alone<boost::asio::awaitable<T, Executor>> {
public:
  using value_type = T;

  static T run(boost::asio::awaitable<T, Executor> operation) {
    static boost::asio::io_context io;
    io.restart();
    std::exception_ptr thrown;
    answer made;
    boost::asio::co_spawn(io, wait_for(std::move(operation), made), [&](std::exception_ptr what) {
      thrown = what;
      io.stop();
    });
    io.run();
    if (thrown)
      std::rethrow_exception(thrown);
    if constexpr (!std::is_void_v<T>)
      return std::move(*made);
  }

private:
  using answer = std::optional<std::conditional_t<std::is_void_v<T>, bool, T>>;

  static boost::asio::awaitable<void> wait_for(boost::asio::awaitable<T, Executor> operation,
                                               answer& made) {
    if constexpr (std::is_void_v<T>)
      co_await std::move(operation);
    else
      made.emplace(co_await std::move(operation));
  }
};

} // namespace weir::internal
