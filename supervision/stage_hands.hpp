#pragma once

#include <cstdint>
#include <string>

namespace weir::internal {

/// How many things of a stage can have an item in hand.
struct stage_hands {
  std::string stage;
  std::uint32_t slots = 0;
};

} // namespace weir::internal
