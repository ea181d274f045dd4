#include <weir/mailbox/origin.hpp>

namespace weir::internal {

std::string beyond_positions(std::uint64_t position) {
  return "position " + std::to_string(position) + ", beyond the last one there is, "
         + std::to_string(origin::position_max)
         + " (2^48 - 1): positions are line numbers, offsets, or times in milliseconds";
}

} // namespace weir::internal
