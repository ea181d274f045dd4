#pragma once

#include <cstdint>
#include <string>

namespace weir::internal {

/// Where the reading of a partition goes on.
struct resume_point {
  std::string partition;
  std::uint64_t position = 0; ///< everything up to here is settled
  bool operator==(const resume_point&) const = default;
};

} // namespace weir::internal
