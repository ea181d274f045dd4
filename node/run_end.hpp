#pragma once

#include <weir/actors/runtime.hpp>
#include <weir/node/log.hpp>
#include <weir/node/running_trees.hpp>
#include <weir/node/stop_signals.hpp>
#include <weir/pipeline/running_pipeline.hpp>
#include <weir/supervision/failure.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::internal {

/// How running pipelines and trees are brought to their end: told to drain at first, and aborted where that takes too
/// long. Trees may feed pipelines: so in a drain the trees are told first, and the pipelines once the trees have ended,
/// or half of the time is over.
///
/// | state \ event | a signal | told again | one of them failed | nothing healthy runs | the time is up |
/// |---------------|----------|------------|--------------------|----------------------|----------------|
/// | running       | draining | –          | draining           | aborting             | –              |
/// | draining      | draining | aborting   | draining           | aborting             | aborting       |
/// | aborting      | aborting | aborting   | aborting           | aborting             | stuck          |
///
/// Owner: the node's thread.
/// Invariants: what fails is remembered before anything is aborted, so that the first cause is told. Nothing goes back
/// to an earlier state.
class run_end {
public:
  /// They may still grow, until the first call of anything.
  run_end(const std::vector<std::unique_ptr<running_pipeline>>& running, running_trees& trees,
          const runtime& clock, std::chrono::milliseconds drain_timeout, log& into)
      : running_{running},
        trees_{trees},
        clock_{clock},
        drain_timeout_{drain_timeout},
        log_{into} {}

  bool all_ended() const;
  void on_signal(const stop_signal& told);
  /// Does what is due now. Returns how long to wait before it is called again, `wait` at most; nothing if a worker does
  /// not obey the abort, so that there is nothing left to wait for.
  std::optional<std::chrono::milliseconds> advance(std::chrono::milliseconds wait);

  bool draining() const noexcept { return draining_; }
  /// Were the pipelines told to stop?
  bool pipelines_told() const noexcept { return aborting_ || (draining_ && !pipelines_due_); }
  bool aborting() const noexcept { return aborting_; }
  bool stuck() const noexcept { return stuck_; }
  /// Why the first pipeline or tree failed, of those that were not aborted by us.
  std::optional<failure> failed() const;

private:
  using time_point = std::chrono::steady_clock::time_point;

  struct trouble {
    std::string_view kind; // pipeline or tree
    std::string name;
    failure why;
  };

  std::optional<trouble> first_failed() const;
  bool pipelines_ended() const;
  bool any_healthy() const;
  void drain_all();
  void drain_pipelines();
  void abort_all();
  void stop_idle_trees();
  void look_for_failures();

  const std::vector<std::unique_ptr<running_pipeline>>& running_;
  running_trees& trees_;
  const runtime& clock_;
  const std::chrono::milliseconds drain_timeout_;
  log& log_;
  std::optional<time_point> deadline_; // of the drain, or of the abort
  std::optional<time_point>
      pipelines_due_; // to be drained at the latest; nothing before, and once they were
  bool draining_ = false;
  bool aborting_ = false;
  bool stuck_ = false;
  std::optional<failure> failed_;
};

} // namespace weir::internal
