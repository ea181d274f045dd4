#pragma once

#include <cstddef>
#include <cstdint>

namespace weir {

/// How an admitted item's way ended. Where an item was broadcast, the gravest end of its copies counts: they are in
/// the order of their gravity.
enum class outcome : std::uint8_t {
  filtered,
  acknowledged,
  dropped,
  dead_lettered,
  returned ///< given back unprocessed to where it came from, which delivers it again
};

} // namespace weir

namespace weir::internal {

inline constexpr std::size_t outcomes_count = 5;

} // namespace weir::internal
