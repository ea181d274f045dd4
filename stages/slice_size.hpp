#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace weir::internal {

/// How many items a worker takes in its next slice; it follows the time that the slices take.
///
/// A slice commits when it ends, so it must not take long; and it must be long enough for its fixed cost (a
/// virtual call, a clock read, a few counters: about 100 ns) not to show.
class slice_size {
public:
  static constexpr std::chrono::microseconds quick{50}; ///< a full slice below that is doubled
  static constexpr std::chrono::microseconds slow{500}; ///< one above that is halved

  std::size_t items() const noexcept { return items_; }

  /// A slice succeeded with so many items in that time. `most` bounds what it may grow to.
  void took(std::chrono::nanoseconds time, std::size_t items, std::size_t most) noexcept {
    if (time > slow)
      items_ = std::max(least, items_ / 2);
    else if (time < quick && items == items_)
      items_ = std::min(items_ * 2, most);
  }

  /// The stage was started again. What failed once may fail again: it takes one item first, and twice as many each
  /// time all goes well, so that little is run in vain. That is no pause: of a quick function the slices are soon
  /// long. It is the supervisor's back-off that holds up those before a stage that crashes again and again.
  void start_again() noexcept { items_ = least; }

private:
  static constexpr std::size_t least = 1;

  std::size_t items_ = 32;
};

} // namespace weir::internal
