#pragma once

#include <cstdint>

namespace weir {

/// How much of an input of known size was read.
struct input_progress {
  std::uint64_t bytes_read = 0; ///< from the input's beginning
  std::uint64_t bytes_total = 0;
  std::uint64_t bytes_at_start = 0; ///< where this run began, if it goes on from an earlier one

  bool operator==(const input_progress&) const = default;
};

} // namespace weir
