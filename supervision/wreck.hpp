#pragma once

#include <weir/supervision/hand_range.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace weir::internal {

/// What the slots of a process that died hold.
struct wreck {
  std::vector<hand_range> in_hand; ///< joined
  std::vector<hand_range> failed;
  std::uint64_t left_out = 0; ///< items that were in hand too
  std::uint64_t nameless =
      0;                ///< ranges that were in hand too, of partitions whose names are not known
  bool damaged = false; ///< some of it can't be read
};

/// Reads the slots of all sections in the bytes of a flight recorder's file, which may be anything.
wreck read_wreck(std::string_view bytes);

/// The item in hand, if there was a single one: then it was that.
std::optional<hand_range> item_alone(const wreck& found);

} // namespace weir::internal
