#pragma once

#include <cstddef>

namespace weir {

/// How many children a supervisor has.
struct child_count {
  std::size_t specs = 0;
  std::size_t active = 0; ///< those that are starting, running or stopping
  std::size_t supervisors = 0;
  std::size_t workers = 0;
  std::size_t abandoned = 0; ///< instances that would not go, and have not been heard of since
  bool operator==(const child_count&) const = default;
};

} // namespace weir
