#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/partition.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace weir::internal {

/// The partitions of one pipeline, by their index in origins. They never move, so that an index leads to its partition
/// by two loads while others are opened.
///
/// Owner: the acknowledgement. Any thread finds a partition; opening and looking at all of them exclude each other.
/// Invariants: an index is used again only when the partition that had it is quiet. No two that are not closed have
/// the same name.
class partition_table {
public:
  partition_table();
  partition_table(const partition_table&) = delete;
  partition_table& operator=(const partition_table&) = delete;
  ~partition_table();

  /// Requires that it was opened.
  partition& at(std::uint32_t index) const noexcept {
    return *chunks_[index / chunk_size]
                .load(std::memory_order_acquire)
                ->slots[index % chunk_size]
                .load(std::memory_order_acquire);
  }

  /// Opens a partition, and returns its index. Throws std::length_error for too many, and for one that would go on
  /// beyond origin::position_max; std::invalid_argument if one of that name is open.
  std::uint32_t open(partition_opening how);

  /// The partition may be opened again under another name, once it is quiet. Requires that it is closed.
  void forget(std::uint32_t index);

  /// Another one has claimed the partition of that name: it is fenced, and its source woken. Does nothing if there is
  /// none that is not closed.
  void fence(std::string_view name);
  /// How many were ever fenced.
  std::uint64_t fences() const noexcept { return fences_.load(std::memory_order_acquire); }

  /// The index of the partition of that name that is not closed.
  std::optional<std::uint32_t> find(std::string_view name) const;

  /// How many indices were ever used.
  std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }

  /// Calls `use(index, partition)` for all of them; none is opened meanwhile.
  template <class Use>
  void each(Use use) const {
    const std::lock_guard lock{lock_};
    for (std::uint32_t k = 0; k < size(); ++k)
      use(k, at(k));
  }

private:
  std::optional<std::uint32_t> find_open(std::string_view name) const; // requires lock_

  static constexpr std::size_t chunk_size = 128;
  struct chunk {
    std::array<std::atomic<partition*>, chunk_size> slots{};
  };

  std::array<std::atomic<chunk*>, origin::partitions_max / chunk_size + 1> chunks_{};
  std::atomic<std::size_t> size_{0};
  std::atomic<std::uint64_t> fences_{0};
  mutable std::mutex lock_; // guards what follows, and the opening of partitions
  std::vector<std::unique_ptr<chunk>> all_chunks_;
  std::vector<std::unique_ptr<partition>> all_;
  std::vector<std::uint32_t> forgotten_; // indices that are free once they are quiet
};

} // namespace weir::internal
