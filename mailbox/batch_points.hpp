#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/partition_point.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir::internal {

class partition;
class partition_table;

/// What is settled of the partitions that a batch comes from, once the batch is stored: for a sink, which stores both in
/// one transaction.
///
/// It is a value: made while the pipeline runs, then used on any thread. What is settled meanwhile is not in it, which
/// does no harm, as points only add.
class batch_points {
public:
  /// There is no batch.
  batch_points() = default;
  /// The members of a batch of `rows` rows. Replayed items, of the partition `replay`, have no position. O(batch) steps,
  /// and one for 64 positions that are in flight.
  batch_points(const partition_table& all, std::uint32_t replay, std::span<const origin> members,
               std::size_t rows);

  /// A point for each of those partitions, once all rows are stored but those with these (ascending) indices. Where a
  /// stage has changed the batch, nobody knows which row is which: then as many of its members, from the first on, stay
  /// open.
  std::vector<partition_point> without(std::span<const std::size_t> rejected) const;

private:
  struct member {
    std::uint64_t position;
    std::size_t index; // in the batch
    std::uint32_t shares_left;
  };
  struct part {
    const partition* from;
    partition_point settled;     // without the batch
    std::vector<member> members; // by position
  };

  std::vector<part> parts_;
  bool changed_ = false;
};

} // namespace weir::internal
