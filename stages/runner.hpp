#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/item_run.hpp>
#include <weir/stages/worker.hpp>
#include <weir/supervision/failure.hpp>
#include <weir/supervision/retry.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace weir {

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

  /// Begins a run, which may have ended when this returns.
  virtual void begin(const std::shared_ptr<item_run>& one, origin from, worker& self) = 0;
  /// The worker has seen that it ended. Returns what is wrong with the stage itself, which is no item's fault.
  virtual std::optional<failure> ended(item_run&, context&) { return std::nullopt; }
  /// Asks a run to end.
  virtual void cancel(const std::shared_ptr<item_run>&) {}
  /// The run was abandoned.
  virtual void let_go(item_run&) {}

  /// Do runs go on outside of turns, so that each has a time of its own?
  virtual bool outside() const { return true; }

  /// How many items it takes now: at 0 it is asked again once the worker is woken.
  virtual std::size_t demand(context&) { return unlimited; }
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

} // namespace weir
