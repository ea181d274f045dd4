#pragma once

#include <weir/actors/runtime.hpp>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace weir {

class driven;

/// What a runtime stands on: the system's threads and clock, or a test's scheduler with virtual time.
class runtime_engine {
public:
  runtime_engine() = default;
  runtime_engine(const runtime_engine&) = delete;
  runtime_engine& operator=(const runtime_engine&) = delete;
  virtual ~runtime_engine() = default;

  /// A driver for `who`, which has not been posted to yet.
  virtual std::shared_ptr<driven> drive(actor& who, execution how) = 0;

  /// Waits, with `lock` held whenever it looks, until `done` or `deadline`; returns done().
  virtual bool wait(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
                    std::optional<time_point> deadline, const std::function<bool()>& done) = 0;

  virtual std::unique_ptr<helper> make_helper(runtime& whole) = 0;

  virtual double random() noexcept = 0;
  virtual boost::asio::io_context& io() = 0;
  virtual void settle_io() = 0;
};

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

} // namespace weir
