#pragma once

#include <weir/mailbox/waker.hpp>
#include <weir/supervision/failure.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace weir::internal {
class driven;
} // namespace weir::internal

namespace weir {

using time_point = std::chrono::steady_clock::time_point;

/// What an actor wants after a turn.
struct activity {
  enum class kind {
    again,   ///< another turn, after others had theirs
    asleep,  ///< a turn when woken, or at `until`
    finished ///< no turn ever again
  };
  kind what = kind::asleep;
  std::optional<time_point> until; ///< of asleep

  static activity again() { return {kind::again, {}}; }
  static activity asleep(std::optional<time_point> until = {}) { return {kind::asleep, until}; }
  static activity finished() { return {kind::finished, {}}; }
};

} // namespace weir

namespace weir::internal {

/// How an actor gets its turns: behind it stands a CAF actor, a thread, or a test's scheduler.
class driver {
public:
  virtual ~driver() = default;
  /// Gives the actor one turn, soon. Any thread.
  virtual void post() noexcept = 0;
};

} // namespace weir::internal

namespace weir {

/// Something that runs in turns, one at a time, when it is woken.
///
/// Owner: whoever made it; it must outlive its last turn (see runtime::join).
/// Invariants: turns never overlap; a wake during a turn leads to another turn; wakes before a turn coalesce
/// into one.
class actor : public waker {
public:
  explicit actor(std::string name);
  actor(const actor&) = delete;
  actor& operator=(const actor&) = delete;
  virtual ~actor();

  const std::string& name() const noexcept { return name_; }

  void wake() noexcept final {
    if (!scheduled_.exchange(true))
      if (auto* driver = driver_.load(); driver != nullptr)
        driver->post();
  }

  /// One turn. Only the driver calls it. What it throws ends the actor through `crashed`.
  virtual activity turn() = 0;
  virtual void crashed(failure why) noexcept = 0;
  /// Behind the last turn: from now on a join returns once this has. Only the driver calls it; must not block, nor
  /// join this actor.
  virtual void behind_last_turn() noexcept {}

private:
  friend class runtime;
  friend class internal::driven;

  const std::string name_;
  std::atomic<bool> scheduled_{false};
  std::atomic<internal::driver*> driver_{nullptr};
  std::shared_ptr<internal::driver> owned_driver_; // lives as long as anybody may wake this actor
};

} // namespace weir
