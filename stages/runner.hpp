#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/item_run.hpp>
#include <weir/stages/worker.hpp>
#include <weir/supervision/failure.hpp>
#include <weir/supervision/retry.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::internal {

/// How the runs of a stage are carried out: in the worker's turn, on a thread beside it, on the I/O context. It
/// holds the user's function.
///
/// That much of it depends on no type of item; every run that it is given is one that it made (runner::make).
/// Owner: the worker's turns.
class any_runner {
public:
  any_runner() = default;
  any_runner(const any_runner&) = delete;
  any_runner& operator=(const any_runner&) = delete;
  virtual ~any_runner() = default;

  /// Throws away the user's function and makes a fresh one. Runs that go on keep the one they began with.
  virtual result<void> rebuild(context& where) = 0;

  /// Begins a run, which may have ended when this returns; or goes on, at the latest from `hand_over` on.
  virtual void begin(const std::shared_ptr<item_run>& one, origin from, worker& self) = 0;
  /// The runs that begin in this step have begun: those that go on outside of turns may be handed over, all at once.
  /// Where that fails, they have ended when this returns.
  virtual void hand_over() noexcept {}
  /// The worker has seen that it ended. Returns what is wrong with the stage itself, which is no item's fault.
  virtual std::optional<failure> ended(item_run&, context&) { return std::nullopt; }
  /// Asks a run to end.
  virtual void cancel(const std::shared_ptr<item_run>&) {}
  /// The run was abandoned, or interrupted.
  virtual void let_go(item_run&) {}
  /// What is said of a run that failed after its `timeout`: its own words would only say that it was cancelled.
  virtual failure timed_out(item_run&, std::chrono::milliseconds timeout) {
    return transient("timed out after " + std::to_string(timeout.count()) + " ms");
  }

  /// Do runs go on outside of turns, so that each has a time of its own?
  virtual bool outside() const { return true; }

  /// Do items leave in their order, unless stage_options::order is relaxed?
  virtual bool keeps_order() const { return true; }

  /// How many items it takes now: at 0 it is asked again once the worker is woken.
  virtual std::size_t demand(context&) { return unlimited; }

  /// After a rebuild: until when the runs of the function before may still end, where they don't go on beside those of
  /// the fresh one. As long as it says so nothing is begun.
  virtual std::optional<time_point> changes_over() const { return std::nullopt; }
  /// Ends a run of the function before, which will be begun again. False if it has ended by now.
  virtual bool interrupt(item_run&) { return false; }
  /// May the function hold items back?
  virtual bool flushes() const { return false; }
  /// Runs go on, and no item is to come before some of them have ended: what the function still holds back has to go.
  virtual std::optional<failure> flush(context&) { return std::nullopt; }
};

/// A run with its item, which it owns, and what it led to. Written by whoever carries it out until it has ended.
template <class In, class Out>
struct typed_run : item_run {
  typed_run(In one, worker& who) : item_run{who.place(), who.now()}, item{std::move(one)} {}

  In item;
  std::vector<Out> outputs;
};

/// A runner of items of one type.
template <class In, class Out>
class runner : public any_runner {
public:
  virtual std::shared_ptr<typed_run<In, Out>> make(In item, worker& self) = 0;

  /// What a stage with state does without an item, where it has that. Only while no run goes on.
  virtual std::optional<failure> timer(std::vector<Out>&, context&) { return std::nullopt; }
  virtual std::optional<failure> drain(std::vector<Out>&, context&) { return std::nullopt; }
};

} // namespace weir::internal
