#pragma once

#include <chrono>

namespace weir {

/// A moment of whatever clock a node has: see actors/clock.hpp. What computes with time takes it as an argument.
using time_point = std::chrono::steady_clock::time_point;

} // namespace weir
