#pragma once

#include <weir/actors/actor.hpp>
#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/ring.hpp>
#include <weir/mailbox/spread.hpp>
#include <weir/stages/waiting_as.hpp>
#include <weir/supervision/failure.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

namespace weir::internal {
class worker;

} // namespace weir::internal

namespace weir {

class context;

} // namespace weir

namespace weir::internal {

/// An item that failed: the oldest one of its ring, where it stays until it succeeds or is discarded.
struct failed_item {
  origin where;
  std::uint64_t id; ///< tells it from every other one, also of the same origin
};

/// How an item would be kept as a dead letter.
struct item_as_letter {
  std::string payload;
  const std::type_info& type;
  std::string key; ///< of hold_key; empty if it has none
};

/// What came of a slice.
struct slice_result {
  enum class state {
    again,    ///< there may be more to do at once
    waiting,  ///< nothing to do until one of the things below happens, or the worker is woken
    finished, ///< the end of the stream was handed on
    failed    ///< it failed, see `why`
  };
  state what = state::again;
  std::size_t items = 0;  ///< succeeded in this slice, whatever became of the rest
  std::size_t wasted = 0; ///< runs that count for nothing, and have used permits
  bool timed = false;     ///< the stepper has counted their latencies itself

  // Where it waits: for what, until when, and how that time is counted.
  bool for_input = false;
  bool for_credit = false;
  bool for_keys = false; ///< the letters of held keys are at their bound
  std::size_t credit =
      0; ///< free slots of each of the rings it waits for; 0: what the ring thinks fit
  std::optional<time_point> until = {};
  waiting_as time =
      waiting_as::idle; ///< why; where that is just blocked, the worker finds out more

  // Where it failed: why, and which item. Where no item was in hand, as at the start and at the end, there is none.
  failure why = {};
  std::optional<failed_item> item = {};
  /// Where it failed and this is set, the stepper has dealt with the item itself; the worker ends, charged with this.
  std::optional<std::uint32_t> charge = {};
};

/// Nothing goes on before one of stepper::blocked_on gives credit.
inline slice_result without_credit() {
  return {.what = slice_result::state::waiting, .for_credit = true, .time = waiting_as::credit};
}

/// The slice failed, with no item in hand, after `items` others.
inline slice_result failed_with(failure why, std::size_t items) {
  return {.what = slice_result::state::failed, .items = items, .why = std::move(why)};
}

/// What a stepper with a mailbox would run next.
struct next_item {
  bool there = false;
  origin where;
};

struct outlet_ports {
  std::vector<std::shared_ptr<ring_base>> rings;
  spread how = spread::any;
  std::shared_ptr<const void> key; ///< of by_key: a std::function<std::size_t(const T&)>
};

/// The rings that lead to and from one worker.
struct ports {
  std::vector<std::shared_ptr<ring_base>> in;
  std::vector<outlet_ports> out; ///< one for each flow that leaves the stage
  ring_base* replays =
      nullptr; ///< that one of `in` through which dead letters come back, if there is one
  std::shared_ptr<const void>
      hold_key; ///< null, or a std::function<std::string(const T&)>: see flow::hold_key
};

/// The typed part of a worker: the loop around the user's function. Virtual once a slice, never once an item.
///
/// It outlives the user's function: `rebuild` makes a fresh one, everything else stays.
/// Owner: the worker that drives it; one call at a time.
class stepper {
public:
  stepper();
  stepper(const stepper&) = delete;
  stepper& operator=(const stepper&) = delete;
  virtual ~stepper();

  /// Throws away the user's function and makes a fresh one. May throw what that throws.
  virtual result<void> rebuild(context& where) = 0;

  /// Works on up to `budget` items: commits what succeeded, rolls back what did not. With a budget of 0 it does
  /// what needs no permit: hands on what waits for credit, looks at its timer, ends.
  virtual slice_result step(std::size_t budget, worker& self) = 0;

  /// How the item that failed would be kept.
  virtual item_as_letter as_letter() const { return {{}, typeid(void), {}}; }
  /// The item that failed was dead-lettered: takes it out of the mailbox without settling it.
  virtual void discard() {}

  /// Asked before a slice while suspects of the flight recorder remain. Then `as_letter` and `discard` are meant for
  /// this item too. Nothing: it runs no items, or asks about each itself.
  virtual std::optional<next_item> next_in_line() { return std::nullopt; }

  /// Takes those of the next `most` items out of the mailbox that were given back already (see
  /// acknowledgement::is_given_back), from the oldest on, and settles them. Returns how many.
  virtual std::size_t let_go(std::size_t most, worker&) {
    (void)most;
    return 0;
  }

  /// A stage with hold_key says how many of `budget` items the next `step` may take. It parks those in front of them
  /// that have to wait behind a letter of their key; 0 if it dead-lettered some, or may take nothing now.
  virtual std::size_t admit(std::size_t budget, worker&) { return budget; }
  /// The ring through which dead letters come back.
  virtual ring_base* replays() const { return nullptr; }
  /// Can nothing come any more but through `replays`?
  virtual bool only_replays_left() const { return false; }

  /// The rings to wait for. Only those that may still change.
  virtual void inputs(std::vector<ring_base*>&) const {}
  /// Is there something new in the `inputs`? Asked after the wait for it was announced.
  virtual bool input_there() const { return false; }
  virtual void blocked_on(std::vector<ring_base*>&) const {}
  virtual std::size_t backlog() const { return 0; }

  /// Is it a source, which stops when the pipeline drains?
  virtual bool ends_on_drain() const { return false; }

  /// Does it take the stage's permits itself, one for each run? Then it also tells of each success itself.
  virtual bool takes_permits() const { return false; }

  /// Asks what goes on outside of turns to end. After that the worker is woken when something ended.
  virtual void cancel(worker&) {}
  /// Does nothing go on outside of turns?
  virtual bool quiet() const { return true; }
  /// After `cancel`: leaves to itself what has had its time to end. Returns when to look next.
  virtual std::optional<time_point> abandon_late(worker&) { return std::nullopt; }
  /// The worker ended by a defect: what goes on outside of turns may not touch it any more.
  virtual void abandon_all(worker&) noexcept {}
};

} // namespace weir::internal
