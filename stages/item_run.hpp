#pragma once

#include <weir/actors/actor.hpp>
#include <weir/mailbox/batch_points.hpp>
#include <weir/supervision/failure.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

namespace weir {

class position_store;
class runtime;

/// Where a run takes place; what is left of worker and pipeline for a run that was abandoned.
struct run_place {
  std::string pipeline;
  std::string stage;
  std::string worker;
  std::uint32_t worker_index = 0; ///< in the stage
  std::stop_token stopping;
  // While the run was not abandoned.
  runtime* node = nullptr;
  waker* worker_waker = nullptr;
  const position_store* positions = nullptr; ///< null if the pipeline has none
};

/// One run of an item, known to its worker and to whoever carries it out, which may be another thread.
///
/// Owner: both, by shared_ptr. A run that was abandoned is left to whoever carries it out: it may outlive worker,
/// pipeline and node.
/// Invariants: the worker is touched under the lock only, and never once the run has ended or was abandoned.
class item_run {
public:
  /// A run that begins `now`; `place` has the worker that is woken when it ends.
  item_run(std::shared_ptr<const run_place> place, time_point now);
  item_run(const item_run&) = delete;
  item_run& operator=(const item_run&) = delete;
  virtual ~item_run();

  const run_place& place() const noexcept { return *place_; }
  /// When it began, by the node's clock as the worker read it.
  time_point began() const noexcept { return began_; }

  // --- whoever carries it out ----------------------------------------------------------------------

  /// The function goes on: the time that it may take begins anew. False: nobody waits for the answer any more.
  bool progress() noexcept;
  /// From here to `goes_on` it waits for something outside, which does not count.
  void waits() noexcept;
  void goes_on() noexcept;
  void wake_at(time_point when) noexcept;
  /// Signalled when the pipeline drains or aborts, and when this run is cancelled or abandoned.
  std::stop_token stopping();
  /// It has ended. Wakes the worker, unless it was abandoned.
  void ends() noexcept;
  /// It has ended in a turn of the worker, which need not be woken.
  void ends_in_turn() noexcept { ended_.store(true, std::memory_order_release); }

  // --- the worker, in its turns --------------------------------------------------------------------

  bool has_ended() const noexcept;
  /// Since when the function has the item without a sign of progress; nothing while it may wait.
  std::optional<time_point> silent_since() const noexcept;
  /// It was cancelled: from now on waiting counts, and progress does not help.
  void hurry(time_point now) noexcept;
  /// Lets it go on by itself. False if it has ended by now.
  bool abandon() noexcept;
  /// What the function asked for by context::wake_at.
  std::optional<time_point> wanted_turn() const noexcept;

  /// For context::points; set before it begins.
  batch_points points;

  // Written by whoever carries it out until it has ended.
  std::optional<failure> failed;
  /// Where the function takes the item away: how it would be kept. Such an item can't be run again.
  std::optional<std::string> payload;

private:
  struct stop_request;
  void stop() noexcept;

  const std::shared_ptr<const run_place> place_;
  const time_point began_;
  std::atomic<bool> ended_{false};

  mutable std::mutex lock_; // guards what follows
  waker* who_;              // the worker; null once it was abandoned
  time_point sign_of_life_;
  std::uint32_t waiting_ = 0;
  bool hurried_ = false;
  std::optional<time_point> wake_at_;
  std::unique_ptr<stop_request> stop_; // once it was asked for
};

} // namespace weir
