#pragma once

#include <weir/actors/actor.hpp>
#include <weir/actors/clock.hpp>
#include <weir/actors/crew.hpp>
#include <weir/actors/runtime_options.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace boost::asio {
class io_context;
}

/// The seam to what runs actors: CAF's scheduler and timers, threads, Asio, and the clock.
namespace weir::internal {

class runtime_engine;

} // namespace weir::internal

namespace weir {

/// Owner: any thread may make it, use it and destroy it, whichever of the others live on; also in static storage.
class runtime {
public:
  explicit runtime(runtime_options options = {});
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;
  /// Requires every actor to have finished, but for those that were left to it.
  virtual ~runtime();

  const runtime_options& options() const noexcept { return options_; }

  time_point now() const noexcept { return clock::now(); }
  std::chrono::system_clock::time_point wall_clock() const noexcept { return clock::wall(); }
  /// In [0, 1). Any thread.
  double random() noexcept;

  /// Gives `who` its first turn, and turns from then on, until one returns finished. `who` must live until
  /// `join` returned. Throws if there is no thread or no memory for it: then it never has a turn, and a join returns
  /// at once.
  void spawn(actor& who, execution how);

  /// Waits until `who` has had its last turn. Not from a turn.
  void join(actor& who);
  /// The same until `deadline`; false if it has not had its last turn by then.
  bool join_until(actor& who, time_point deadline);

  /// Takes over an actor that was told to end and that nobody waits for. It is destroyed some time after its last
  /// turn; the runtime's destructor waits for that. Any thread.
  void leave(std::unique_ptr<actor> who);

  /// Waits, as std::condition_variable does, until `done` (which is looked at with `lock` held) or `deadline`;
  /// returns done(). Not from a turn.
  bool wait(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
            std::optional<time_point> deadline, const std::function<bool()>& done);

  /// Threads beside the scheduler's, for what may block for ever.
  std::unique_ptr<internal::crew> make_crew(std::uint32_t threads_max);

  /// The node's I/O context, on one thread of its own that starts with the first call.
  boost::asio::io_context& io();
  /// Waits until everything that the I/O thread had to run by now has run. Not from that thread.
  void settle_io();

protected:
  runtime(runtime_options options, std::unique_ptr<internal::runtime_engine> engine);
  internal::runtime_engine& engine() noexcept;

private:
  const runtime_options options_;
  const std::unique_ptr<internal::runtime_engine> engine_;

  std::mutex lock_;
  std::vector<std::unique_ptr<actor>> left_; // guarded by lock_
};

} // namespace weir
