#pragma once

#include <weir/actors/runtime.hpp>
#include <weir/dead_letters/replay.hpp>
#include <weir/pipeline/pipeline.hpp>
#include <weir/supervision/child_spec.hpp>
#include <weir/supervision/failure.hpp>

#include <functional>

namespace weir::internal {

class flight_recorder;

} // namespace weir::internal

namespace weir {

class running_pipeline;

/// Whom a pipeline that is a child tells about its lives. Called from any thread; must neither block for long nor throw.
struct pipeline_child_watcher {
  std::function<void(const failure&)> worker_failed = [](const failure&) {};
  std::function<void(const replay_run&)> replay = [](const replay_run&) {};
  /// One of its lives has begun; the pipeline stays until `over` has returned.
  std::function<void(const running_pipeline&)> begun = [](const running_pipeline&) {};
  /// That life is over, so that its ledger is what it will be. The child's end is told after that.
  std::function<void(const running_pipeline&)> over = [](const running_pipeline&) {};
};

/// A child that is a whole pipeline, made anew by `make` for each start: so its sources go on where what was
/// settled ends. It stops by draining; it is killed by aborting, which leaves what was in flight unsettled.
/// It ends normally when its sources do, and fails when its own supervisor escalates. What each of its lives has in hand
/// is recorded in `recorder`, if there is one, which must outlive `node`.
///
/// Even an aborted pipeline finishes the item in hand. So one that is abandoned holds on to its threads: it
/// passes into the keeping of `node`, whose destructor waits for it. Its supervisor's does not.
start_function pipeline_child(runtime& node, std::function<pipeline()> make,
                              pipeline_child_watcher watcher = {},
                              internal::flight_recorder* recorder = nullptr);

} // namespace weir
