#pragma once

#include <weir/mailbox/position_mark.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// Neighbouring positions of one partition, both ends included.
struct position_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  bool operator==(const position_range&) const = default;
};

/// How far one partition is settled: up to a position, and some ranges beyond it.
///
/// Invariants: the ranges are ascending and apart from each other, and the first of them begins behind
/// `position` + 1.
struct partition_point {
  std::string partition;
  std::uint64_t position = 0;              ///< everything up to here is settled
  std::vector<position_range> beyond = {}; ///< and these
  /// Which claim of the partition this comes from: see position_store. 0: its positions are not stored.
  std::uint64_t epoch = 0;
  /// Of the last position that is settled, or of an earlier one; where the source has marks.
  position_mark mark = {};
  bool operator==(const partition_point&) const = default;
};

/// The last position that it says is settled.
std::uint64_t last_settled(const partition_point& point) noexcept;

/// Adds what `more` has settled to `point`, which so only goes forward, and its mark if that reaches beyond. Both are of
/// one partition; the epoch stays.
void add_settled(partition_point& point, const partition_point& more);

/// Does the point say that this position is settled? O(log of its ranges).
bool is_settled(const partition_point& point, std::uint64_t position);

/// The ranges as bytes, to be kept beside the position: the distances between their ends as variable-length integers
/// (LEB128), counted from `point.position`. Empty without ranges. About two bytes a range, where they lie close.
std::string ranges_as_bytes(const partition_point& point);

/// The inverse of ranges_as_bytes for this position; false if the bytes are no such ranges.
bool ranges_from_bytes(std::string_view bytes, partition_point& point);

} // namespace weir
