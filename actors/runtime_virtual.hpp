#pragma once

#include <weir/actors/clock.hpp>
#include <weir/actors/runtime.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace weir::internal {

class virtual_engine;

} // namespace weir::internal

namespace weir {

/// What decides in a virtual runtime, where otherwise chance does.
struct virtual_choices {
  /// Which of `count` jobs that are ready runs next. By default the one that has waited longest.
  std::function<std::size_t(std::size_t count)> job = [](std::size_t) { return std::size_t{0}; };
  /// In [0, 1): for jitter.
  std::function<double()> random = [] { return 0.5; };
  /// How long after its begin the function of a stage with an item_time_max runs: a time longer than that is a
  /// stuck worker.
  std::function<clock::duration()> helper_delay = [] { return clock::duration::zero(); };
  /// Called before an actor is given its turns. Throws what a node does that has no thread, or no memory, left for it.
  std::function<void()> spawn = [] {};
};

/// A runtime on one thread, with jobs in a queue of its own and a time of its own that stands still: nothing
/// happens between two calls, and the same choices lead to the same run. Stages with a thread of their own are
/// jobs like all others, and so is what goes on in the I/O context.
///
/// Owner: the thread that made it; its time is that thread's until it is destroyed. Waits (runtime::join,
/// running_pipeline::wait) run jobs and move the time on until they are over.
/// Failure: a wait for something that can't happen any more throws std::logic_error, instead of never
/// returning.
class virtual_runtime final : public runtime {
public:
  explicit virtual_runtime(runtime_options options = {}, virtual_choices choices = {});
  ~virtual_runtime() override;

  /// Runs one job; false if none is ready.
  bool step();
  /// Jobs that are ready, beside those of the I/O context.
  std::size_t ready() const;
  /// Whose turn the last step was; empty for the I/O context.
  std::string_view last() const noexcept;

  /// Runs jobs until none is ready. Returns how many there were.
  std::size_t run_until_idle();
  /// Moves to when the first timer is due, though not beyond `limit`, and fires it. False, and the time is
  /// `limit`, if there is none.
  bool advance_to_next_timer(time_point limit = time_point::max());
  /// Lets time pass: all timers that are due by then fire, in their order, and what they lead to happens.
  void advance(clock::duration by);
  /// The clock jumps ahead: all timers that are due by then fire at once, before anything else happens.
  void jump(clock::duration by);
  /// The time of day jumps; timers don't notice.
  void shift_wall_clock(clock::duration by);

private:
  virtual_runtime(runtime_options options, std::unique_ptr<internal::virtual_engine> engine);

  internal::virtual_engine& engine_;
};

} // namespace weir
