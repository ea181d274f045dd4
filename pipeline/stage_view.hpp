#pragma once

#include <weir/actors/token_bucket.hpp>
#include <weir/pipeline/graph.hpp>
#include <weir/pipeline/worker_view.hpp>
#include <weir/stages/histogram.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace weir {

/// What can be seen of a stage: what it has done so far over all its workers, its limits, and each worker.
struct stage_view {
  std::string stage;
  stage_kind kind = stage_kind::transform;
  std::uint64_t processed = 0;
  std::uint64_t failed = 0;        ///< runs that failed
  std::uint64_t dead_lettered = 0; ///< items that became dead letters
  std::uint64_t restarts = 0;
  double busy = 0;    ///< shares of the workers' time, which add up to 1
  double blocked = 0; ///< by credit, permits, back-off, a pause, or the dead-letter store
  double idle = 0;
  std::chrono::nanoseconds latency_p50{0};
  std::chrono::nanoseconds latency_p99{0};
  std::vector<histogram::filled_bucket> latency; ///< of one item's run, each in its slice's average
  std::uint64_t backlog = 0;
  std::uint64_t backlog_max = 0; ///< of one worker
  std::uint64_t mailbox_capacity = 0;
  std::string last_failure;       ///< empty if there was none
  std::uint64_t keys_held = 0;    ///< of a stage with hold_key: keys that wait
  std::uint64_t keys_letters = 0; ///< and their dead letters
  std::string waits_for;       ///< what the stage needs to go on, where that is somebody's decision
  std::uint64_t abandoned = 0; ///< runs without progress that were left to themselves

  // What may be changed while it runs, as it is in force.
  bool paused = false;
  rate_limit rate;
  std::uint32_t in_flight_max = 1;
  std::uint32_t retry_attempts = 1;
  std::chrono::milliseconds timeout{0};       ///< 0: none
  std::chrono::milliseconds item_time_max{0}; ///< 0: none

  std::vector<worker_view> workers;
};

} // namespace weir
