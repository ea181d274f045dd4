#pragma once

#include <weir/stages/stage_options.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace weir::internal {

/// What of a stage may be changed while it runs, but for its rate, which its token_bucket knows: whether it is paused,
/// and its limits.
///
/// Its workers look at `word` once a slice, which changes whenever anything here does, and read the rest only then.
/// Owner: any thread. Who changes something wakes the workers afterwards.
class stage_limits {
public:
  /// Those that are read when the word has changed.
  struct values {
    std::uint32_t in_flight_max;
    std::uint32_t attempts; ///< see retry_policy
    std::chrono::milliseconds timeout;
    std::chrono::milliseconds item_time_max;
  };

  explicit stage_limits(const stage_options& chosen)
      : in_flight_max_{chosen.in_flight_max},
        attempts_{chosen.retry.attempts},
        timeout_{chosen.timeout.count()},
        item_time_max_{chosen.item_time_max.count()} {}

  // --- who steers ------------------------------------------------------------------------------------
  void pause() noexcept { word_.fetch_or(paused_bit); }
  /// Returns whether it was paused.
  bool resume() noexcept { return (word_.fetch_and(~paused_bit) & paused_bit) != 0; }
  void set_in_flight_max(std::uint32_t items) noexcept { change(in_flight_max_, items); }
  void set_attempts(std::uint32_t runs) noexcept { change(attempts_, runs); }
  void set_timeout(std::chrono::milliseconds time) noexcept { change(timeout_, time.count()); }
  void set_item_time_max(std::chrono::milliseconds time) noexcept {
    change(item_time_max_, time.count());
  }

  // --- anybody ---------------------------------------------------------------------------------------
  bool paused() const noexcept { return is_paused(word()); }
  values now() const noexcept {
    return {in_flight_max_.load(std::memory_order_relaxed),
            attempts_.load(std::memory_order_relaxed),
            std::chrono::milliseconds{timeout_.load(std::memory_order_relaxed)},
            std::chrono::milliseconds{item_time_max_.load(std::memory_order_relaxed)}};
  }

  // --- the workers -----------------------------------------------------------------------------------
  /// Sequentially consistent at the begin of a turn, so that who changes something and then wakes a worker is not
  /// overlooked; relaxed within the turn.
  std::uint64_t word(std::memory_order order = std::memory_order_relaxed) const noexcept {
    return word_.load(order);
  }
  static bool is_paused(std::uint64_t word) noexcept { return (word & paused_bit) != 0; }
  /// The values as they were when `word` was read, or newer ones.
  values read() const noexcept {
    std::atomic_thread_fence(std::memory_order_acquire);
    return now();
  }

private:
  static constexpr std::uint64_t paused_bit = 1; // what is above it counts the changes

  template <class T>
  void change(std::atomic<T>& one, T value) noexcept {
    one.store(value, std::memory_order_relaxed);
    word_.fetch_add(paused_bit << 1U);
  }

  std::atomic<std::uint64_t> word_{0};
  std::atomic<std::uint32_t> in_flight_max_;
  std::atomic<std::uint32_t> attempts_;
  std::atomic<std::chrono::milliseconds::rep> timeout_;       // milliseconds
  std::atomic<std::chrono::milliseconds::rep> item_time_max_; // milliseconds
};

} // namespace weir::internal
