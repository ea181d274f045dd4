#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace weir {

/// A worker was told to start again.
struct worker_restart {
  std::chrono::system_clock::time_point at; ///< by the node's clock
  std::string cause; ///< its last failure; or whose restart it shared, and that one's failure
};

} // namespace weir

namespace weir::internal {

/// So many of each worker are kept, the last ones.
inline constexpr std::size_t restarts_kept = 8;

} // namespace weir::internal
