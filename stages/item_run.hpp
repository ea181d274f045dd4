#pragma once

#include <weir/actors/actor.hpp>
#include <weir/mailbox/batch_points.hpp>
#include <weir/stages/bell.hpp>
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

} // namespace weir

namespace weir::internal {

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
  /// By which runs wake the worker, also those that were abandoned.
  std::shared_ptr<bell> ends = {};
};

/// One run of an item, known to its worker and to whoever carries it out, which may be another thread.
///
/// Owner: both, by shared_ptr. A run that was abandoned is left to whoever carries it out: it may outlive worker,
/// pipeline and node.
/// Invariants: it ends, or it is abandoned, whichever comes first: one atomic word decides. The worker is touched by its
/// bell only. Nothing here is locked for an item that simply runs.
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
  void ends_in_turn() noexcept { fate_.fetch_or(ended, std::memory_order_acq_rel); }

  // --- the worker, in its turns --------------------------------------------------------------------

  bool has_ended() const noexcept { return (fate_.load(std::memory_order_acquire) & ended) != 0; }
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
  void shows_life() noexcept;
  bool nobody_waits() const noexcept { return hurried_ || (fate_ & abandoned) != 0; }

  // Bits of its fate; it may end after it was abandoned, not the other way round.
  static constexpr std::uint32_t ended = 1;
  static constexpr std::uint32_t abandoned = 2;

  const std::shared_ptr<const run_place> place_;
  const time_point began_;
  std::atomic<std::uint32_t> fate_{0};
  std::atomic<std::uint32_t> waiting_{0};
  std::atomic<bool> hurried_{false};
  std::atomic<time_point> sign_of_life_;
  std::atomic<time_point> wake_at_{time_point::max()}; // never

  std::mutex lock_;                    // guards what follows
  std::unique_ptr<stop_request> stop_; // once it was asked for
};

} // namespace weir::internal
