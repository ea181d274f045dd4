#pragma once

#include <compare>
#include <cstdint>

namespace weir {

/// A partition that a source has opened. Valid until the source was told that it is closed.
struct partition_id {
  std::uint32_t index = 0; ///< as in origins
  auto operator<=>(const partition_id&) const = default;
};

} // namespace weir
