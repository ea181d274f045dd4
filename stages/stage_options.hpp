#pragma once

#include <weir/actors/runtime_options.hpp>
#include <weir/actors/token_bucket.hpp>
#include <weir/supervision/retry.hpp>

#include <chrono>
#include <cstdint>

namespace weir {

/// Do the results of a stage with several items in hand leave in the order of the items, or as they come?
enum class order { kept, relaxed };

/// How a stage runs. Every option has a default.
struct stage_options {
  /// Running instances of the stage's function, each with a mailbox of its own. With more than one, the order
  /// between items is not kept (see flow::key_by for order by key).
  std::uint32_t workers = 1;
  /// Items that may wait for one worker: the credit it grants, shared among the stages before it.
  std::uint32_t mailbox_capacity = 1024;
  /// What happens to an item that fails.
  retry_policy retry = {};
  /// Items that a stage works on at a time, per worker. In an awaitable stage they wait side by side. In
  /// another one, items that wait to be run again don't hold up the others; with an item_time_max, each runs on
  /// a thread of its own. In a sink that settles later: items, or batches, that are not settled.
  std::uint32_t in_flight_max = 1;
  /// Runs of items, over all workers; the retries count too.
  rate_limit rate = {};
  /// Time for one run of an item in an awaitable stage or sink; then the operation is cancelled, which is a transient
  /// failure. In a sink that settles later: the time until its settlement. 0: none.
  std::chrono::milliseconds timeout{0};
  /// How long the function may have one item without a sign of progress (context::progress). Then it is stuck: the
  /// item becomes a dead letter and is not run again, a fresh worker goes on, and the old run is left to itself.
  /// Waiting for credit, permits, a retry, or under context::waiting never counts. The function runs on a thread
  /// beside the worker. Of an awaitable stage: how long a cancelled run may take to end. 0: none.
  std::chrono::milliseconds item_time_max{0};
  weir::order order = order::kept;
  weir::execution execution = execution::shared;
  /// Outputs that one item may lead to.
  std::uint32_t outputs_max = 1024;

  /// Are its items run one by one, each with what belongs to it, instead of in slices?
  bool outside_of_slices() const noexcept { return in_flight_max > 1 || item_time_max.count() > 0; }
};

} // namespace weir
