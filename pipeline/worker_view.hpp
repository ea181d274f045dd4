#pragma once

#include <weir/actors/actor.hpp>
#include <weir/pipeline/worker_restart.hpp>
#include <weir/stages/waiting_as.hpp>
#include <weir/stages/worker.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weir {

/// What can be seen of a worker. It is looked at while it runs.
struct worker_view {
  std::string name;       ///< "parse", or "parse/1" where the stage has several
  std::size_t number = 0; ///< in its pipeline: see running_pipeline::kill
  internal::worker::state state = internal::worker::state::down;
  /// What it does, if it is running: it works, or rests and for want of what.
  waiting_as does = waiting_as::down;
  /// Since when; by the clock of pipeline_view::seen_at. Of a worker that is busy: since its turn began, so that one
  /// which hangs in a call has been busy for a long time. Where it went on from turn to turn: since the last of them.
  time_point since{};
  /// Where it waits for credit: the edges of which one must give it some, as indices into pipeline_view::edges.
  std::vector<std::size_t> waits_on;

  std::uint64_t processed = 0;
  std::uint64_t failed = 0;        ///< runs that failed
  std::uint64_t dead_lettered = 0; ///< items that became dead letters
  std::chrono::nanoseconds busy{0};
  std::chrono::nanoseconds blocked{0};
  std::chrono::nanoseconds idle{0};
  std::uint64_t backlog = 0; ///< items in its mailbox
  std::uint64_t backlog_max = 0;

  std::uint64_t restarts = 0;
  std::vector<worker_restart> last_restarts; ///< the oldest first, at most restarts_kept
  std::string last_failure;                  ///< empty if there was none
  std::uint64_t abandoned = 0;               ///< runs without progress that were left to themselves
  /// Since when those of them go on that have not ended.
  std::vector<std::chrono::system_clock::time_point> abandoned_since;
};

} // namespace weir
