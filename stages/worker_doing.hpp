#pragma once

#include <weir/actors/actor.hpp>
#include <weir/stages/waiting_as.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace weir::internal {

/// What a worker does, and since when, in one word: so that it costs one store, and what is read fits together.
/// Owner: the worker's turns; anybody may read.
class worker_doing {
public:
  struct now {
    waiting_as what = waiting_as::down;
    time_point since;
  };

  void begin(waiting_as what, time_point since) noexcept {
    word_.store(word_of(what, since), std::memory_order_relaxed);
  }
  now read() const noexcept {
    const auto word = word_.load(std::memory_order_relaxed);
    const auto since = static_cast<std::int64_t>(word >> waiting_as_bits);
    return {static_cast<waiting_as>(word & ((1U << waiting_as_bits) - 1)),
            time_point{std::chrono::nanoseconds{since}}};
  }

private:
  /// The clock's nanoseconds have 60 bits: 36 years since the machine was switched on.
  static std::uint64_t word_of(waiting_as what, time_point since) noexcept {
    const std::chrono::nanoseconds passed{since.time_since_epoch()};
    return static_cast<std::uint64_t>(passed.count()) << waiting_as_bits
           | static_cast<std::uint64_t>(what);
  }

  std::atomic<std::uint64_t> word_{static_cast<std::uint64_t>(waiting_as::down)};
};

} // namespace weir::internal
