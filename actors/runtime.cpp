#include <weir/actors/helper_thread.hpp>
#include <weir/actors/runtime.hpp>
#include <weir/actors/runtime_caf.hpp>
#include <weir/actors/runtime_engine.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <iterator>
#include <mutex>
#include <random>
#include <thread>

namespace weir {

actor::actor(std::string name) : name_{std::move(name)} {}
actor::~actor() = default;

// --- driven ------------------------------------------------------------------------------------------

bool driven::wait_until_finished(runtime_engine& engine, std::optional<time_point> deadline) {
  std::unique_lock lock{lock_};
  return engine.wait(lock, ended_, deadline, [this] { return finished_; });
}

activity driven::turn() noexcept {
  activity next;
  try {
    next = who_.turn();
  } catch (...) {
    crashed();
    next = activity::finished();
  }
  if (next.what == activity::kind::again)
    who_.wake();
  return next;
}

void driven::crashed() noexcept { who_.crashed(describe_current_exception()); }

void driven::finished() noexcept {
  const std::lock_guard lock{lock_};
  finished_ = true;
  ended_.notify_all();
  who_.ended(); // under the lock: whoever joins it may destroy it
}

// --- threads -----------------------------------------------------------------------------------------

namespace {

class thread_driver final : public driven {
public:
  explicit thread_driver(actor& who) : driven{who} {}
  ~thread_driver() override {
    if (thread_.joinable())
      thread_.join();
  }

  void start() {
    thread_ = std::thread{[this] { run(); }};
  }

  void post() noexcept override {
    const std::lock_guard lock{lock_};
    posted_ = true;
    changed_.notify_one();
  }

private:
  void run() {
    std::unique_lock lock{lock_};
    std::optional<time_point> until;
    for (;;) {
      if (until)
        changed_.wait_until(lock, *until, [this] { return posted_; });
      else
        changed_.wait(lock, [this] { return posted_; });
      const bool woken = std::exchange(posted_, false);
      lock.unlock();
      const auto next = woken ? turn_after_wake() : turn();
      if (next.what == activity::kind::finished) {
        finished();
        return;
      }
      until = next.until;
      lock.lock();
    }
  }

  std::mutex lock_;
  std::condition_variable changed_;
  bool posted_ = false; // guarded by lock_
  std::thread thread_;
};

/// CAF's scheduler, threads, and the system's clock.
class thread_engine final : public runtime_engine {
public:
  explicit thread_engine(const runtime_options& options)
      : scheduler_{options}, random_{std::random_device{}()} {}

  ~thread_engine() override {
    io_.stop();
    if (io_thread_.joinable())
      io_thread_.join();
  }

  std::shared_ptr<driven> drive(actor& who, execution how) override {
    if (how != execution::own_thread)
      return scheduler_.drive(who);
    auto made = std::make_shared<thread_driver>(who);
    made->start();
    return made;
  }

  bool wait(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
            std::optional<time_point> deadline, const std::function<bool()>& done) override {
    if (deadline)
      return changed.wait_until(lock, *deadline, done);
    changed.wait(lock, done);
    return true;
  }

  std::unique_ptr<helper> make_helper(runtime&) override {
    return std::make_unique<helper_thread>();
  }

  double random() noexcept override {
    const std::lock_guard lock{lock_};
    return std::uniform_real_distribution<double>{}(random_);
  }

  boost::asio::io_context& io() override {
    const std::lock_guard lock{lock_};
    if (!io_thread_.joinable())
      io_thread_ = std::thread{[this] { io_.run(); }};
    return io_;
  }

  void settle_io() override {
    {
      const std::lock_guard lock{lock_};
      if (!io_thread_.joinable())
        return;
    }
    std::promise<void> reached;
    boost::asio::post(io_, [&reached] { reached.set_value(); });
    reached.get_future().wait();
  }

private:
  caf_scheduler scheduler_;

  std::mutex lock_; // guards the generator and the start of the I/O thread
  std::mt19937_64 random_;

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> io_work_{
      io_.get_executor()};
  std::thread io_thread_;
};

} // namespace

// --- runtime -----------------------------------------------------------------------------------------

runtime::runtime(runtime_options options)
    : options_{std::move(options)}, engine_{std::make_unique<thread_engine>(options_)} {}

runtime::runtime(runtime_options options, std::unique_ptr<runtime_engine> engine)
    : options_{std::move(options)}, engine_{std::move(engine)} {}

runtime::~runtime() {
  for (auto& one : left_) {
    join(*one);
    one.reset();
  }
}

runtime_engine& runtime::engine() noexcept { return *engine_; }

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
    static_cast<driven&>(*who.owned_driver_).wait_until_finished(*engine_, {});
}

bool runtime::join_until(actor& who, time_point deadline) {
  return !who.owned_driver_
         || static_cast<driven&>(*who.owned_driver_).wait_until_finished(*engine_, deadline);
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

std::unique_ptr<helper> runtime::make_helper() { return engine_->make_helper(*this); }

boost::asio::io_context& runtime::io() { return engine_->io(); }

void runtime::settle_io() { engine_->settle_io(); }

} // namespace weir
