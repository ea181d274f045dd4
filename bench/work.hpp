// The work on an item that can be made to take a time: so many steps of a linear congruential
// generator, each of which needs the one before. The Go contestant has the same.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace weir::bench {

inline constexpr std::uint64_t factor = 6364136223846793005U;
inline constexpr std::uint64_t summand = 1442695040888963407U;

inline std::uint64_t spin(std::uint64_t item, std::uint64_t steps) {
  for (; steps > 0; --steps)
    item = item * factor + summand;
  return item;
}

// How many steps take that long on this machine: of many tries the fastest counts, so that others
// who use the machine meanwhile don't make the work small.
inline std::uint64_t steps_of(double microseconds) {
  using clock = std::chrono::steady_clock;
  constexpr std::uint64_t steps = 100'000;
  static volatile std::uint64_t kept = 1;
  auto fastest = 1e9; // in microseconds
  for (int tries = 0; tries < 40; ++tries) {
    const auto start = clock::now();
    kept = spin(kept, steps);
    fastest =
        std::min(fastest, std::chrono::duration<double, std::micro>(clock::now() - start).count());
  }
  return static_cast<std::uint64_t>(microseconds * steps / fastest);
}

// What the sink must find if each of 0..items-1 has spun. The steps together are linear too.
inline std::uint64_t sum_of_spun(std::uint64_t items, std::uint64_t steps) {
  const auto of_zero = spin(0, steps);
  const auto of_difference = spin(1, steps) - of_zero;
  const auto pairs = items % 2 == 0 ? items / 2 * (items - 1) : items * ((items - 1) / 2);
  return of_difference * pairs + of_zero * items;
}

} // namespace weir::bench
