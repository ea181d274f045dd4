#pragma once

#include <weir/mailbox/ledger.hpp>
#include <weir/pipeline/graph.hpp>
#include <weir/supervision/process_death.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir {

class held_keys;
class pipeline_workers;
class supervisor_actor;

/// What a stage has done so far, over all its workers.
struct stage_snapshot {
  std::string stage;
  stage_kind kind = stage_kind::transform;
  std::uint64_t processed = 0;
  std::uint64_t failed = 0;        ///< runs that failed
  std::uint64_t dead_lettered = 0; ///< items that became dead letters
  std::uint64_t restarts = 0;
  double busy = 0;    ///< shares of the workers' time, which add up to 1
  double blocked = 0; ///< by credit, permits, back-off, or the dead-letter store
  double idle = 0;
  std::chrono::nanoseconds latency_p50{0};
  std::chrono::nanoseconds latency_p99{0};
  std::uint64_t backlog = 0;
  std::uint64_t backlog_max = 0; ///< of one worker
  std::uint64_t mailbox_capacity = 0;
  std::string last_failure;       ///< empty if there was none
  std::uint64_t keys_held = 0;    ///< of a stage with hold_key: keys that wait
  std::uint64_t keys_letters = 0; ///< and their dead letters
  std::string waits_for;       ///< what the stage needs to go on, where that is somebody's decision
  std::uint64_t abandoned = 0; ///< runs without progress that were left to themselves
};

/// A run that was abandoned and has not ended. What it holds can't be taken from it; what it says is thrown away.
struct abandoned_snapshot {
  std::string stage;
  std::string worker;
  std::chrono::system_clock::time_point since;
};

/// What a pipeline has done so far. Its parts are read one after the other while it runs, so they agree exactly only
/// when it is at rest.
struct pipeline_snapshot {
  std::string pipeline;
  ledger_totals ledger;
  std::vector<stage_snapshot> stages;
  std::vector<abandoned_snapshot> abandoned;
  std::size_t dead_letters_waiting = 0;
  bool settled_twice = false; ///< an item was, which is a defect
  std::string
      dead_letters_trouble; ///< what the store refuses, also to a replay; empty while it works
  std::size_t replays_in_flight = 0;
  std::optional<process_death> last_death; ///< of the process before this one; see flight_recorder

  /// Adds a stage, the next one, whose keys are null without hold_key.
  void add(const graph_stage& stage, const pipeline_workers& workers,
           const supervisor_actor& supervisor, const held_keys* keys);
};

} // namespace weir
