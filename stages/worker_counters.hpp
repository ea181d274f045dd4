#pragma once

#include <weir/stages/histogram.hpp>

#include <atomic>
#include <cstdint>

namespace weir::internal {

/// What a worker counted.
/// Owner: the worker writes, anybody may read.
struct worker_counters {
  std::atomic<std::uint64_t> processed{0};     ///< items that succeeded
  std::atomic<std::uint64_t> failed{0};        ///< runs that failed
  std::atomic<std::uint64_t> dead_lettered{0}; ///< items that became dead letters
  std::atomic<std::uint64_t> busy_ns{0};
  std::atomic<std::uint64_t> blocked_ns{0};
  std::atomic<std::uint64_t> idle_ns{0};
  std::atomic<std::uint64_t> backlog_max{0};
  histogram latency; ///< of one item's run, in its slice's average

  /// Only one thread adds.
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t value) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
  }
  static void at_least(std::atomic<std::uint64_t>& counter, std::uint64_t value) noexcept {
    if (value > counter.load(std::memory_order_relaxed))
      counter.store(value, std::memory_order_relaxed);
  }
};

} // namespace weir::internal
