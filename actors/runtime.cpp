#include <weir/actors/runtime.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <caf/all.hpp>

#include <condition_variable>
#include <future>
#include <mutex>
#include <random>
#include <thread>

namespace weir {

/// What both drivers share: the turn itself, and the wait for the last one.
class driven : public driver {
public:
  explicit driven(actor& who) : who_{who} {}

  bool wait_until_finished(std::optional<time_point> deadline) {
    std::unique_lock lock{lock_};
    const auto done = [this] { return finished_; };
    if (deadline)
      return ended_.wait_until(lock, *deadline, done);
    ended_.wait(lock, done);
    return true;
  }

protected:
  /// A turn that was asked for by a wake.
  activity turn_after_wake() noexcept {
    who_.scheduled_.store(false);
    return turn();
  }

  activity turn() noexcept {
    activity next;
    try {
      next = who_.turn();
    } catch (...) {
      who_.crashed(describe_current_exception());
      next = activity::finished();
    }
    if (next.what == activity::kind::again)
      who_.wake();
    return next;
  }

  /// The actor may be gone after this.
  void finished() noexcept {
    const std::lock_guard lock{lock_};
    finished_ = true;
    ended_.notify_all();
  }

private:
  actor& who_;
  std::mutex lock_;
  std::condition_variable ended_;
  bool finished_ = false; // guarded by lock_
};

namespace {

struct wake_message {};
struct timer_message {
  std::uint64_t generation;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, wake_message&) {
  return f(caf::meta::type_name("wake"));
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, timer_message& x) {
  return f(caf::meta::type_name("timer"), x.generation);
}

class caf_driver;

/// The CAF actor behind an actor on the shared scheduler.
class stage_actor final : public caf::event_based_actor {
public:
  stage_actor(caf::actor_config& config, std::shared_ptr<caf_driver> driver)
      : caf::event_based_actor{config}, driver_{std::move(driver)} {}

  const char* name() const override { return "weir.stage"; }
  caf::behavior make_behavior() override;
  void on_exit() override { driver_.reset(); } // which holds this actor

private:
  void after(activity next);

  std::shared_ptr<caf_driver> driver_;
  std::uint64_t generation_ = 0;    // of the armed timer
  std::optional<time_point> armed_; // when it fires
};

class caf_driver final : public driven {
public:
  using driven::driven;
  using driven::finished;
  using driven::turn;
  using driven::turn_after_wake;

  void attach(caf::actor handle) { handle_ = std::move(handle); }
  void post() noexcept override { caf::anon_send(handle_, wake_message{}); }

private:
  caf::actor handle_; // set before the first post
};

caf::behavior stage_actor::make_behavior() {
  return {[this](wake_message) { after(driver_->turn_after_wake()); },
          [this](timer_message fired) {
            if (fired.generation != generation_ || !armed_)
              return; // an earlier turn armed another one since
            armed_.reset();
            after(driver_->turn());
          }};
}

void stage_actor::after(activity next) {
  if (next.what == activity::kind::finished) {
    quit();
    driver_->finished();
    return;
  }
  if (!next.until || (armed_ && *armed_ <= *next.until))
    return; // the armed one comes first: the turn it gives will ask again
  armed_ = next.until;
  const auto delay = std::max(*next.until - std::chrono::steady_clock::now(), {});
  delayed_send(this, delay, timer_message{++generation_});
}

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

caf::actor_system_config& configured(caf::actor_system_config& config,
                                     const runtime_options& options) {
  const auto threads =
      options.threads != 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
  config.set("scheduler.max-threads", static_cast<std::size_t>(threads));
  config.set("scheduler.policy", caf::atom_from_string(options.policy));
  config.set("scheduler.max-throughput", static_cast<std::size_t>(16));
  return config;
}

} // namespace

struct runtime::engine {
  explicit engine(const runtime_options& options)
      : system{configured(config, options)}, random{std::random_device{}()} {}

  ~engine() {
    io.stop();
    if (io_thread.joinable())
      io_thread.join();
  }

  caf::actor_system_config config;
  caf::actor_system system;

  std::mutex lock; // guards the generator and the start of the I/O thread
  std::mt19937_64 random;

  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> io_work{
      io.get_executor()};
  std::thread io_thread;
};

runtime::runtime(runtime_options options)
    : options_{std::move(options)}, engine_{std::make_unique<engine>(options_)} {}

runtime::~runtime() = default;

double runtime::random() noexcept {
  const std::lock_guard lock{engine_->lock};
  return std::uniform_real_distribution<double>{}(engine_->random);
}

void runtime::spawn(actor& who, execution how) {
  std::shared_ptr<driven> driver;
  if (how == execution::own_thread) {
    auto made = std::make_shared<thread_driver>(who);
    made->start();
    driver = std::move(made);
  } else {
    auto made = std::make_shared<caf_driver>(who);
    made->attach(engine_->system.spawn<stage_actor>(made));
    driver = std::move(made);
  }
  who.owned_driver_ = driver;
  who.driver_.store(driver.get());
  who.scheduled_.store(true);
  driver->post();
}

void runtime::join(actor& who) {
  if (who.owned_driver_)
    static_cast<driven&>(*who.owned_driver_).wait_until_finished({});
}

bool runtime::join_until(actor& who, time_point deadline) {
  return !who.owned_driver_
         || static_cast<driven&>(*who.owned_driver_).wait_until_finished(deadline);
}

boost::asio::io_context& runtime::io() {
  const std::lock_guard lock{engine_->lock};
  if (!engine_->io_thread.joinable())
    engine_->io_thread = std::thread{[this] { engine_->io.run(); }};
  return engine_->io;
}

void runtime::settle_io() {
  {
    const std::lock_guard lock{engine_->lock};
    if (!engine_->io_thread.joinable())
      return;
  }
  std::promise<void> reached;
  boost::asio::post(engine_->io, [&reached] { reached.set_value(); });
  reached.get_future().wait();
}

} // namespace weir
