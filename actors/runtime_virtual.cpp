#include <weir/actors/runtime_caf.hpp>
#include <weir/actors/runtime_virtual.hpp>
#include <weir/actors/virtual_time.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <caf/scheduler/test_coordinator.hpp>

#include <algorithm>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace weir {

namespace {

caf::actor_system_config& for_tests(caf::actor_system_config& config) {
  config.set("scheduler.policy", caf::atom("testing"));
  return config;
}

/// What stands for a thread: an actor whose turns run the jobs.
class job_runner final : public actor {
public:
  job_runner() : actor{"helper"} {}

  void post(std::function<void()> job, time_point at) {
    job_ = std::move(job);
    at_ = at;
    wake();
  }
  /// After the job that it has, or at once.
  void end(bool after_job) {
    if (!after_job)
      job_ = nullptr;
    over_ = true;
    wake();
  }

  activity turn() override {
    if (job_ && clock::now() < at_)
      return activity::asleep(at_);
    if (job_)
      std::exchange(job_, nullptr)();
    return over_ ? activity::finished() : activity::asleep();
  }
  void crashed(failure) noexcept override {}

private:
  std::function<void()> job_;
  time_point at_{};
  bool over_ = false;
};

/// Its jobs are jobs like all others.
class virtual_helper final : public helper {
public:
  virtual_helper(std::shared_ptr<job_runner> who, std::function<clock::duration()> delay)
      : who_{std::move(who)}, delay_{std::move(delay)} {}
  ~virtual_helper() override { who_->end(abandoned_); }

  void run(std::function<void()> job) override {
    who_->post(std::move(job), clock::now() + delay_());
  }
  void abandon() noexcept override { abandoned_ = true; }

private:
  const std::shared_ptr<job_runner> who_;
  const std::function<clock::duration()> delay_;
  bool abandoned_ = false;
};

} // namespace

class virtual_engine final : public runtime_engine {
public:
  explicit virtual_engine(virtual_choices choices)
      : choices_{std::move(choices)},
        system_{for_tests(config_)},
        coordinator_{dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())} {
    while (coordinator_.try_run_once()) // CAF's own actors
      ;
  }
  ~virtual_engine() override {
    for (const auto& one : helpers_)
      one->end(false);
    while (coordinator_.try_run_once()) // what was woken after its last turn
      ;
    helpers_.clear();
  }

  std::shared_ptr<driven> drive(actor& who, execution) override {
    choices_.spawn();
    return drive_on(system_, who);
  }

  bool wait(std::unique_lock<std::mutex>& lock, std::condition_variable&,
            std::optional<time_point> deadline, const std::function<bool()>& done) override {
    const auto limit = deadline.value_or(time_point::max()); // the end of time is no deadline
    while (!done()) {
      if (time.now() >= limit)
        return false;
      lock.unlock();
      const bool went_on = step() || advance_to_next_timer(limit);
      lock.lock();
      if (!went_on && limit == time_point::max())
        throw std::logic_error{"weir: this waits for ever: nothing is left that could happen"};
    }
    return true;
  }

  std::unique_ptr<helper> make_helper(runtime& whole) override {
    auto made = std::make_shared<job_runner>();
    helpers_.push_back(made);
    whole.spawn(*made, execution::own_thread);
    return std::make_unique<virtual_helper>(std::move(made), choices_.helper_delay);
  }

  double random() noexcept override { return choices_.random(); }
  boost::asio::io_context& io() override {
    io_used_ = true;
    return io_;
  }
  void settle_io() override {
    while (io_used_ && io_.poll_one() > 0)
      ;
  }

  std::size_t ready() const { return coordinator_.jobs.size(); }
  std::string_view last() const { return last_; }

  bool step() {
    auto& jobs = coordinator_.jobs;
    const auto count = jobs.size() + (io_used_ ? 1 : 0);
    if (count == 0)
      return false;
    auto chosen = count == 1 ? 0 : std::min(choices_.job(count), count - 1);
    if (chosen == jobs.size()) {
      last_ = {};
      if (io_.poll_one() > 0)
        return true;
      if (jobs.empty())
        return false;
      chosen = 0;
    }
    std::rotate(jobs.begin(), jobs.begin() + static_cast<std::ptrdiff_t>(chosen),
                jobs.begin() + static_cast<std::ptrdiff_t>(chosen) + 1);
    const auto* who = dynamic_cast<const stage_actor*>(jobs.front());
    last_ = who != nullptr && who->driver() != nullptr ? who->driver()->who().name() : "";
    coordinator_.run_once();
    return true;
  }

  bool advance_to_next_timer(time_point limit) {
    const auto next = time.next_alarm();
    if (next > limit || next == time_point::max()) {
      if (limit != time_point::max())
        time.advance_to(limit);
      return false;
    }
    time.advance_to(next);
    return true;
  }

  virtual_time time;

private:
  virtual_choices choices_;
  std::vector<std::shared_ptr<job_runner>> helpers_; // to the end: CAF's actors refer to them
  caf::actor_system_config config_;
  caf::actor_system system_;
  caf::scheduler::test_coordinator& coordinator_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> io_work_{
      io_.get_executor()};
  bool io_used_ = false;
  std::string last_;
};

virtual_runtime::virtual_runtime(runtime_options options, virtual_choices choices)
    : virtual_runtime{std::move(options), std::make_unique<virtual_engine>(std::move(choices))} {}

virtual_runtime::virtual_runtime(runtime_options options, std::unique_ptr<virtual_engine> engine)
    : runtime{std::move(options), std::move(engine)},
      engine_{static_cast<virtual_engine&>(runtime::engine())} {}

virtual_runtime::~virtual_runtime() = default;

bool virtual_runtime::step() { return engine_.step(); }

std::size_t virtual_runtime::ready() const { return engine_.ready(); }

std::string_view virtual_runtime::last() const noexcept { return engine_.last(); }

std::size_t virtual_runtime::run_until_idle() {
  std::size_t steps = 0;
  while (step())
    ++steps;
  return steps;
}

bool virtual_runtime::advance_to_next_timer(time_point limit) {
  return engine_.advance_to_next_timer(limit);
}

void virtual_runtime::advance(clock::duration by) {
  const auto end = now() + by;
  run_until_idle();
  while (engine_.advance_to_next_timer(end))
    run_until_idle();
  run_until_idle();
}

void virtual_runtime::jump(clock::duration by) { engine_.time.advance_to(now() + by); }

void virtual_runtime::shift_wall_clock(clock::duration by) { engine_.time.shift_wall(by); }

} // namespace weir
