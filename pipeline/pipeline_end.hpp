#pragma once

#include <weir/actors/runtime.hpp>
#include <weir/supervision/failure.hpp>

#include <condition_variable>
#include <mutex>
#include <optional>

namespace weir::internal {

/// How a running pipeline ends: why it failed, if it did, and how far its end has come.
///
/// Owner: any thread.
/// Invariants: what it failed of first stays. First the workers finish, then everything has stopped; neither is taken
/// back.
class pipeline_end {
public:
  explicit pipeline_end(runtime& node) : node_{node} {}

  /// It has failed, or begins to; unless it has failed before.
  void fail(failure why);
  /// It could not even start, whatever came of what had been started.
  void fail_to_start(failure why);
  /// It fails because somebody wants it to; false if its workers have finished already, so that it does not.
  bool fail_by_abort();

  void workers_finished();
  void everything_stopped();

  bool workers_have_finished() const;
  bool has_stopped() const;
  bool has_failed() const;
  /// After it failed: why; else an empty chain.
  failure why() const;

  /// Waits for the workers; false if they have not finished by then.
  bool wait_for_workers(std::optional<time_point> deadline);

private:
  runtime& node_;
  mutable std::mutex lock_; // guards what follows
  std::condition_variable changed_;
  bool workers_finished_ = false;
  bool stopped_ = false; // every actor has had its last turn
  std::optional<failure> why_;
};

} // namespace weir::internal
