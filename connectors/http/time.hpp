#pragma once

#include <weir/actors/clock.hpp>
#include <weir/actors/virtual_time.hpp>

namespace weir::http {

/// When a timer of Asio's is to end. They know the system's time only: where the node's is another, they never
/// end by themselves, and an alarm stands in.
inline clock::time_point for_asio(clock::time_point when) {
  return virtual_time::here() != nullptr ? clock::time_point::max() : when;
}

} // namespace weir::http
