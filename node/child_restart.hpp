#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace weir {

/// A child of a tree was started again by its supervisor.
struct child_restart {
  std::chrono::system_clock::time_point at; ///< by the node's clock
  std::string
      cause; ///< its last failure; empty if it has never failed: it shares another one's restart, or had ended
};

/// So many of each path in a tree are kept, the last ones.
inline constexpr std::size_t child_restarts_kept = 8;

} // namespace weir
