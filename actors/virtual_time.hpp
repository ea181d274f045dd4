#pragma once

#include <weir/actors/clock.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace weir {

/// A time that stands still until it is moved: for tests and simulations, which run on one thread.
///
/// Owner: the thread that made it, whose clock it is until it is destroyed; several are undone in reverse
/// order.
class virtual_time {
public:
  virtual_time() noexcept;
  virtual_time(const virtual_time&) = delete;
  virtual_time& operator=(const virtual_time&) = delete;
  ~virtual_time();

  /// The one of this thread; null if its time is the system's.
  static virtual_time* here() noexcept;

  clock::time_point now() const noexcept { return now_; }
  std::chrono::system_clock::time_point wall() const noexcept { return wall_; }

  /// When the first alarm is due; time_point::max() if there is none.
  clock::time_point next_alarm() const noexcept;
  /// Moves on to `when`, and the time of day with it; rings the alarms that are due by then, in their order.
  /// A time that has passed changes nothing.
  void advance_to(clock::time_point when);
  /// Moves the time of day alone, as whoever sets a computer's clock does.
  void shift_wall(clock::duration by) noexcept { wall_ += by; }

private:
  friend class alarm;

  virtual_time* const before_;
  clock::time_point now_;
  std::chrono::system_clock::time_point wall_;
  using alarm_key = std::pair<clock::time_point, std::uint64_t>; // and the order they were set in
  std::map<alarm_key, std::function<void()>> alarms_;
  std::uint64_t alarms_set_ = 0;
};

/// Calls `ring` once the virtual time of this thread reaches `when`, unless it is destroyed before. Where time
/// is the system's it does nothing: a timer of the system is there for that.
class alarm {
public:
  alarm(clock::time_point when, std::function<void()> ring);
  alarm(const alarm&) = delete;
  alarm& operator=(const alarm&) = delete;
  ~alarm();

private:
  virtual_time* const where_;
  virtual_time::alarm_key mine_{};
};

} // namespace weir
