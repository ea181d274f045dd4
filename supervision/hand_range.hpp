#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::internal {

/// Positions of one partition that were in hand at one stage when a process died.
struct hand_range {
  std::string text;            ///< stage and partition, for a reader
  std::uint64_t stage = 0;     ///< flight_key
  std::uint64_t partition = 0; ///< flight_key
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint32_t failures = 0; ///< 0: it was in hand; else only that it had failed so often
};

/// Makes one range of neighbours, and sorts them.
void join(std::vector<hand_range>& ranges);

/// Was a single item in hand? Requires joined ranges.
bool is_one_item(const std::vector<hand_range>& in_hand);

/// One list for a reader: at most `size` bytes.
std::string in_hand_text(const std::vector<hand_range>& in_hand, std::size_t size);

} // namespace weir::internal
