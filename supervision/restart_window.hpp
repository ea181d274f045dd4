#pragma once

#include <weir/supervision/time_point.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::internal {

/// The restarts of a supervisor that count, by OTP's arithmetic: more than `intensity` restarts within `period` is too
/// many. Restarts that turn out to have been an item's fault can be forgiven.
class restart_window {
public:
  restart_window(std::uint32_t intensity, std::chrono::milliseconds period)
      : intensity_{intensity}, period_{period} {}

  /// Notes `count` restarts of `child` at `now`; returns false if that is too many.
  bool add(std::size_t child, std::uint32_t count, time_point now);

  /// Nothing can happen to `child` for `delay`: that time does not count for what it was charged with.
  void pause(std::size_t child, std::chrono::nanoseconds delay);

  /// Takes back what `child` was charged with.
  void forgive(std::size_t child);

  /// Restarts that count at `now`.
  std::size_t size(time_point now);

private:
  struct charge {
    std::size_t child;
    time_point at;
  };

  std::uint32_t intensity_;
  std::chrono::milliseconds period_;
  std::vector<charge> charges_; // at most intensity_ and what the last `add` added
};

} // namespace weir::internal
