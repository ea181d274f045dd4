#include <weir/actors/driven.hpp>
#include <weir/actors/runtime_caf.hpp>
#include <weir/actors/runtime_threads.hpp>
#include <weir/actors/thread_crew.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <condition_variable>
#include <future>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

namespace weir::internal {

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

  std::unique_ptr<crew> make_crew(std::uint32_t threads_max, runtime&) override {
    return std::make_unique<thread_crew>(threads_max);
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

std::unique_ptr<runtime_engine> make_thread_engine(const runtime_options& options) {
  return std::make_unique<thread_engine>(options);
}

} // namespace weir::internal
