#pragma once

#include <weir/supervision/flight_file.hpp>
#include <weir/supervision/past_life.hpp>
#include <weir/supervision/suspect.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::internal {

/// What the flight recorder's file of one life leaves to the next.
struct heritage {
  past_life last;
  std::vector<suspect> suspects;
};

/// Reads a file that was found to be sound, whose front is `old`. `now` is when the death was noticed, where nobody
/// wrote it down: ms since 1970.
heritage read_heritage(std::string_view bytes, const flight_file::front& old, std::int64_t now);

} // namespace weir::internal
