#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::testkit {

/// Chance that comes again: the same seed draws the same numbers on every machine (SplitMix64, Steele et al.
/// 2014), which the distributions of the standard library don't promise.
class seeded {
public:
  explicit seeded(std::uint64_t seed) noexcept : state_{seed} {}

  std::uint64_t next() noexcept {
    auto z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }

  /// In [0, count); 0 if count is 0.
  std::size_t below(std::size_t count) noexcept {
    return count == 0 ? 0 : static_cast<std::size_t>(next() % count);
  }
  /// In [first, last].
  std::size_t between(std::size_t first, std::size_t last) noexcept {
    return first + below(last - first + 1);
  }
  /// In [0, 1).
  double share() noexcept { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }
  bool chance(double probability) noexcept { return share() < probability; }

private:
  std::uint64_t state_;
};

} // namespace weir::testkit
