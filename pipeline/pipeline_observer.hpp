#pragma once

#include <weir/dead_letters/replay.hpp>
#include <weir/supervision/failure.hpp>

#include <functional>

namespace weir::internal {

/// Whom a running pipeline tells. Called from any thread; must not block. What it throws is ignored.
struct pipeline_observer {
  std::function<void(const failure&)> worker_failed = [](const failure&) {};
  /// It failed, its workers have finished, or nothing more is done with its dead letters. After the last call
  /// running_pipeline::wait_until has nothing to wait for; it must not be called in here.
  std::function<void()> ended = [] {};
  /// A replay that has letters has begun, or finished.
  std::function<void(const replay_run&)> replay = [](const replay_run&) {};
};

/// The same observer, which throws nothing: whoever looks on must not bring down what he looks at.
pipeline_observer unthrowing(pipeline_observer who);

} // namespace weir::internal
