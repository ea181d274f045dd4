#pragma once

#include <weir/actors/actor.hpp>
#include <weir/actors/clock.hpp>

#include <condition_variable>
#include <mutex>
#include <optional>

namespace weir::internal {

class runtime_engine;

/// What all drivers share: the turn itself, and the wait for the last one.
class driven : public driver {
public:
  explicit driven(actor& who) : who_{who} {}

  const actor& who() const noexcept { return who_; }
  bool wait_until_finished(runtime_engine& engine, std::optional<time_point> deadline);

protected:
  /// A turn that was asked for by a wake.
  activity turn_after_wake() noexcept {
    who_.scheduled_.store(false);
    return turn();
  }
  activity turn() noexcept;
  /// By the current exception, behind a turn: it can't be given another one. Followed by finished().
  void crashed() noexcept;
  /// The actor may be gone after this.
  void finished() noexcept;

private:
  actor& who_;
  std::mutex lock_;
  std::condition_variable ended_;
  bool finished_ = false; // guarded by lock_
};

} // namespace weir::internal
