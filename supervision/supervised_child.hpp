#pragma once

#include <weir/supervision/child_now.hpp>
#include <weir/supervision/child_spec.hpp>
#include <weir/supervision/time_point.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace weir::internal {

/// What a supervisor's decisions know of one child.
struct supervised_child {
  /// Why it is started for the first time; from then on: restart.
  enum class started_for { all, adding, asking, restart };
  /// What becomes of it once it has stopped.
  enum class then { restart, down, forgotten };

  child_spec spec{};
  child_now now = child_now::down;
  started_for why = started_for::all;
  time_point due{};           ///< of restarting: when it is to be started
  time_point since{};         ///< of running
  time_point waits_until{};   ///< of the back-off: that time does not count in the window
  then after = then::down;    ///< of stopping; of down while all end
  std::uint32_t in_a_row = 0; ///< restarts since it last worked for long
  std::uint64_t restarts = 0; ///< ever

  bool alive() const {
    return now == child_now::starting || now == child_now::running || now == child_now::stopping;
  }
  /// How it is told to stop: in the usual way for its type, if the spec names none.
  shutdown way_to_stop() const { return spec.shutdown.value_or(shutdown::usual(spec.type)); }
  /// How long it may take to stop; nothing if that has no limit. Asks the spec's `stop_time`.
  std::optional<std::chrono::milliseconds> time_to_stop() const;
  /// What was added and never came to be is answered as not started: so it isn't there in the next life.
  then after_the_end() const { return why == started_for::adding ? then::forgotten : then::down; }
};

} // namespace weir::internal
