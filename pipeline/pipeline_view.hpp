#pragma once

#include <weir/actors/actor.hpp>
#include <weir/mailbox/ledger.hpp>
#include <weir/pipeline/edge_view.hpp>
#include <weir/pipeline/stage_view.hpp>
#include <weir/supervision/process_death.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace weir {

/// A run that was abandoned and has not ended. What it holds can't be taken from it; what it says is thrown away.
struct abandoned_snapshot {
  std::string stage;
  std::string worker;
  std::chrono::system_clock::time_point since;
};

/// What can be seen of a pipeline: the report, the progress line, tests and whoever else looks at it print this. Its
/// parts are read one after the other while it runs, so they agree exactly only when it is at rest.
struct pipeline_view {
  std::string pipeline;
  time_point seen_at{}; ///< by the node's clock, which worker_view::since is read from too
  ledger_totals ledger;
  std::vector<stage_view> stages; ///< a stage comes after those before it
  std::vector<edge_view> edges;   ///< without those through which dead letters come back
  std::vector<abandoned_snapshot> abandoned;
  std::size_t dead_letters_waiting = 0;
  bool settled_twice = false; ///< an item was, which is a defect
  std::string
      dead_letters_trouble; ///< what the store refuses, also to a replay; empty while it works
  std::size_t replays_in_flight = 0;
  std::optional<internal::process_death>
      last_death; ///< of the process before this one; see flight_recorder
};

} // namespace weir
