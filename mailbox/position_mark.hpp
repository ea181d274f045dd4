#pragma once

#include <cstdint>

namespace weir {

/// What a source knows its content by, up to and with one position: so that the next life sees whether it reads the
/// same. A store keeps it beside the point whose last settled position it is of, and need not understand it.
struct position_mark {
  std::uint64_t position = 0; ///< 0: there is none
  std::uint64_t bytes = 0;    ///< of the content
  std::uint64_t digest = 0;   ///< of these bytes
  bool operator==(const position_mark&) const = default;

  bool empty() const noexcept { return position == 0; }
  /// Is it of more than the other one? A line that was completed has more bytes at the same position.
  bool reaches_beyond(const position_mark& other) const noexcept {
    return position > other.position || (position == other.position && bytes > other.bytes);
  }
};

} // namespace weir
