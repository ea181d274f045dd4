#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir {

/// Durations, counted in buckets that grow by a quarter of a power of two: quantiles are exact to 25 %.
/// Owner: one thread adds, any may read.
class histogram {
public:
  void add(std::chrono::nanoseconds duration, std::uint64_t times = 1) noexcept {
    auto& bucket =
        buckets_[index_of(static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0)))];
    bucket.store(bucket.load(std::memory_order_relaxed) + times, std::memory_order_relaxed);
  }

  /// Adds what another counted.
  void add(const histogram& other) noexcept {
    for (std::size_t k = 0; k < buckets_.size(); ++k)
      buckets_[k].store(buckets_[k].load(std::memory_order_relaxed)
                            + other.buckets_[k].load(std::memory_order_relaxed),
                        std::memory_order_relaxed);
  }

  /// The duration that a share of all (0..1) didn't exceed: its bucket's upper bound. 0 if nothing was added.
  std::chrono::nanoseconds quantile(double share) const noexcept {
    std::uint64_t total = 0;
    for (const auto& bucket : buckets_)
      total += bucket.load(std::memory_order_relaxed);
    if (total == 0)
      return {};
    const auto wanted = static_cast<double>(total) * share;
    std::uint64_t seen = 0;
    for (std::size_t k = 0; k < buckets_.size(); ++k) {
      seen += buckets_[k].load(std::memory_order_relaxed);
      if (static_cast<double>(seen) >= wanted && seen > 0)
        return std::chrono::nanoseconds{static_cast<std::int64_t>(upper_bound(k))};
    }
    return {};
  }

  /// So many durations were not longer than `up_to`, and longer than that of the bucket before it.
  struct filled_bucket {
    std::chrono::nanoseconds up_to;
    std::uint64_t count;
  };
  /// Those buckets that are not empty, the shortest durations first; at most 252.
  std::vector<filled_bucket> buckets() const {
    std::vector<filled_bucket> filled;
    for (std::size_t k = 0; k < buckets_.size(); ++k)
      if (const auto count = buckets_[k].load(std::memory_order_relaxed); count > 0)
        filled.push_back(
            {std::chrono::nanoseconds{static_cast<std::int64_t>(upper_bound(k))}, count});
    return filled;
  }

private:
  static constexpr std::size_t index_of(std::uint64_t value) {
    if (value < 4)
      return value;
    const auto power = static_cast<std::size_t>(std::bit_width(value)) - 1; // >= 2
    return (power - 1) * 4 + ((value >> (power - 2)) & 3U);
  }
  static constexpr std::uint64_t upper_bound(std::size_t index) {
    if (index < 4)
      return index;
    const auto power = index / 4 + 1;
    return ((std::uint64_t{4} + index % 4 + 1) << (power - 2)) - 1;
  }

  std::array<std::atomic<std::uint64_t>, 252> buckets_{};
};

} // namespace weir
