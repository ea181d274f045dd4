#pragma once

#include <weir/stages/exits.hpp>
#include <weir/stages/runner.hpp>
#include <weir/stages/runs.hpp>
#include <weir/stages/signature.hpp>
#include <weir/stages/stage_shape.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

/// Include this to give a pipeline stages that wait: functions that return boost::asio::awaitable<…>.
namespace weir {

/// Runs of an awaitable stage function, on the node's I/O context.
///
/// A run that takes longer than `timeout` is cancelled, and only when it has really ended does the item count as
/// failed. What it waits for does not count as time for the item; but once it is cancelled it has item_time_max to
/// end, if the stage has one.
template <class F>
class io_runner final : public runner<typename stage_shape<product_t<F>>::input,
                                      typename stage_shape<product_t<F>>::output> {
  using stage = product_t<F>;
  using shape = stage_shape<stage>;
  using In = typename shape::input;
  using Out = typename shape::output;
  using run = typed_run<In, Out>;
  static_assert(!shape::parameters::wants_context && !shape::parameters::emits,
                "weir: an awaitable stage function takes its item only");

public:
  explicit io_runner(F prototype) : prototype_{std::move(prototype)} {}

  result<void> rebuild(context& where) override {
    io_ = &where.node().io();
    stage_.reset();
    stage_ = std::make_shared<stage>(product<F>::make(prototype_));
    return started(*stage_, where);
  }

  std::shared_ptr<run> make(In item, worker& self) override {
    return std::make_shared<operation>(std::move(item), self);
  }

  void begin(const std::shared_ptr<item_run>& one, origin, worker&) override {
    auto mine = std::static_pointer_cast<operation>(one);
    mine->function = stage_;
    mine->waits();
    boost::asio::post(*io_, [mine, io = io_] {
      boost::asio::co_spawn(*io, work(mine),
                            boost::asio::bind_cancellation_slot(
                                mine->cancellation.slot(), [mine](std::exception_ptr thrown) {
                                  if (thrown)
                                    mine->failed = described(thrown);
                                  mine->function.reset();
                                  mine->ends();
                                }));
    });
  }

  void cancel(const std::shared_ptr<item_run>& one) override {
    boost::asio::post(*io_, [mine = std::static_pointer_cast<operation>(one)] {
      mine->cancellation.emit(boost::asio::cancellation_type::terminal);
    });
  }

private:
  /// Written by the I/O thread until it has ended.
  struct operation final : run {
    using run::run;
    std::shared_ptr<stage> function;
    boost::asio::cancellation_signal cancellation;
  };

  static boost::asio::awaitable<void> work(std::shared_ptr<operation> of) {
    auto answer = co_await (*of->function)(std::as_const(of->item));
    take_answer(*of, answer);
  }

  template <class T>
  static void take_answer(operation& of, T& answer) {
    if constexpr (std::is_same_v<T, Out>) {
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

  F prototype_;
  std::shared_ptr<stage> stage_;
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

} // namespace weir
