#pragma once

#include <weir/actors/actor.hpp>
#include <weir/actors/clock.hpp>
#include <weir/actors/crew.hpp>
#include <weir/actors/runtime_options.hpp>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace boost::asio {
class io_context;
}

namespace weir::internal {

class driven;

} // namespace weir::internal

namespace weir {

class runtime;

} // namespace weir

namespace weir::internal {

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

  virtual std::unique_ptr<crew> make_crew(std::uint32_t threads_max, runtime& whole) = 0;

  virtual double random() noexcept = 0;
  virtual boost::asio::io_context& io() = 0;
  virtual void settle_io() = 0;
};

} // namespace weir::internal
