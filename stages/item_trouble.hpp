#pragma once

#include <weir/supervision/suspect.hpp>

#include <chrono>
#include <cstdint>

namespace weir::internal {

/// What is known about an item while it fails.
struct item_trouble {
  std::uint32_t attempts = 0; ///< runs that failed, in any process
  std::chrono::system_clock::time_point first_failed_at{};
  std::uint32_t deaths = 0; ///< those of them that killed their process

  /// An item that earlier processes died with has failed before it is run here.
  static item_trouble of(const suspect& known) {
    return {.attempts = known.attempts(),
            .first_failed_at =
                std::chrono::system_clock::time_point{std::chrono::milliseconds{known.first_at}},
            .deaths = known.deaths};
  }

  std::uint32_t failures() const noexcept { return attempts - deaths; }
};

} // namespace weir::internal
