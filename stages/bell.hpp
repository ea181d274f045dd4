#pragma once

#include <weir/mailbox/waker.hpp>

#include <atomic>
#include <mutex>

namespace weir::internal {

/// Wakes a worker from other threads, where something of it has ended: once for all that has ended since its last
/// turn began.
///
/// Owner: the worker and its runs, by shared_ptr, so that it may be rung when the worker is no more.
/// Invariants: the worker is touched under the lock only, and never once the bell was closed. The worker takes the lock
/// for that alone: in its turns it waits for nobody who rings.
class bell {
public:
  explicit bell(waker& who) : who_{&who} {}
  bell(const bell&) = delete;
  bell& operator=(const bell&) = delete;

  /// Any thread. Whatever the caller has written before is seen by the turn that this leads to.
  void ring() noexcept {
    if (rung_.exchange(true))
      return; // a turn is to come
    const std::lock_guard lock{lock_};
    if (who_ != nullptr)
      who_->wake();
  }

  /// The worker, before it looks at what has ended.
  void answered() noexcept {
    if (rung_.load(std::memory_order_relaxed))
      rung_.exchange(false);
  }

  /// The worker has its last turn: when this has returned nobody touches it any more.
  void close() noexcept {
    const std::lock_guard lock{lock_};
    who_ = nullptr;
  }

private:
  std::atomic<bool> rung_{false};
  std::mutex lock_; // guards what follows
  waker* who_;      // null once it was closed
};

} // namespace weir::internal
