#pragma once

#include "faults.hpp"
#include "scenario.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace simulation {

/// What came of one seed.
struct outcome {
  std::string violation; ///< empty: all invariants held
  std::uint64_t steps = 0;
  std::uint64_t lives = 0;
  std::array<std::uint64_t, faults_count> fired{};
  std::array<std::uint64_t, events_count> came_about{};
  std::uint64_t fingerprint = 0; ///< of every step: the same for the same seed
};

/// Runs a seed: a pipeline, its schedule, and what goes wrong, drawn from it; node after node until everything is
/// accounted for. Invariants are checked after every step.
outcome run(std::uint64_t seed, const reduction& without = {},
            std::vector<std::string>* trace = nullptr);

/// A smaller case of a seed that fails: fewer items, segments and faults, as long as it fails in the same way.
reduction shrink(std::uint64_t seed);

} // namespace simulation
