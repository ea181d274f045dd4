#include <weir/actors/driven.hpp>
#include <weir/actors/runtime.hpp>
#include <weir/actors/runtime_engine.hpp>
#include <weir/actors/runtime_threads.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir {

runtime::runtime(runtime_options options)
    : options_{std::move(options)}, engine_{internal::make_thread_engine(options_)} {}

runtime::runtime(runtime_options options, std::unique_ptr<internal::runtime_engine> engine)
    : options_{std::move(options)}, engine_{std::move(engine)} {}

runtime::~runtime() {
  for (auto& one : left_) {
    join(*one);
    one.reset();
  }
}

internal::runtime_engine& runtime::engine() noexcept { return *engine_; }

double runtime::random() noexcept { return engine_->random(); }

void runtime::spawn(actor& who, execution how) {
  auto driver = engine_->drive(who, how);
  who.owned_driver_ = driver;
  who.driver_.store(driver.get());
  who.scheduled_.store(true);
  driver->post();
}

void runtime::join(actor& who) {
  if (who.owned_driver_)
    static_cast<internal::driven&>(*who.owned_driver_).wait_until_finished(*engine_, {});
}

bool runtime::join_until(actor& who, time_point deadline) {
  return !who.owned_driver_
         || static_cast<internal::driven&>(*who.owned_driver_)
                .wait_until_finished(*engine_, deadline);
}

void runtime::leave(std::unique_ptr<actor> who) {
  std::vector<std::unique_ptr<actor>> ended; // destroyed without the lock
  const std::lock_guard lock{lock_};
  const auto first = std::partition(left_.begin(), left_.end(),
                                    [this](const auto& one) { return !join_until(*one, now()); });
  ended.assign(std::make_move_iterator(first), std::make_move_iterator(left_.end()));
  left_.erase(first, left_.end());
  left_.push_back(std::move(who));
}

bool runtime::wait(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
                   std::optional<time_point> deadline, const std::function<bool()>& done) {
  return engine_->wait(lock, changed, deadline, done);
}

std::unique_ptr<internal::crew> runtime::make_crew(std::uint32_t threads_max) {
  return engine_->make_crew(threads_max, *this);
}

boost::asio::io_context& runtime::io() { return engine_->io(); }

void runtime::settle_io() { engine_->settle_io(); }

} // namespace weir
