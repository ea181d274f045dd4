#pragma once

#include <weir/mailbox/ring.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace weir::internal {

/// An item by its place: its ring, and its index there, which is never used twice.
inline std::uint64_t item_id(const ring_base& where, std::size_t index) {
  return std::hash<const void*>{}(&where) ^ (std::uint64_t{index} << 1U);
}

} // namespace weir::internal
