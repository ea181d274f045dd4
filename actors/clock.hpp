#pragma once

#include <chrono>

namespace weir {

/// The clock of everything in a node. It is the system's, but for a thread on which a virtual_time lives.
struct clock {
  using duration = std::chrono::steady_clock::duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr bool is_steady = true;

  static time_point now() noexcept;
  /// What time of day it is, which may jump.
  static std::chrono::system_clock::time_point wall() noexcept;
};

} // namespace weir
