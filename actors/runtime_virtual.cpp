#include <weir/actors/driven.hpp>
#include <weir/actors/runtime_engine.hpp>
#include <weir/actors/runtime_virtual.hpp>
#include <weir/actors/virtual_time.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace weir {

namespace {

class virtual_driver;

/// Those that have something to do, in the order in which they got it.
using ready_jobs = std::deque<std::shared_ptr<virtual_driver>>;

/// Makes a job of an actor that was woken, or whose time has come. Its wakes and timers are messages in a row, as
/// they are under a scheduler: one that was overtaken by another is still a job, of which nothing comes.
class virtual_driver final : public internal::driven,
                             public std::enable_shared_from_this<virtual_driver> {
public:
  virtual_driver(actor& who, ready_jobs& ready) : internal::driven{who}, ready_{ready} {}

  void post() noexcept override { take(wake); }

  /// The job: its first message. Somebody else keeps the driver until this has returned.
  void run() noexcept {
    const auto what = messages_.front();
    messages_.erase(messages_.begin());
    running_ = true;
    if (what == wake) {
      after(turn_after_wake());
    } else if (what == generation_ && armed_) { // or an earlier turn armed another one since
      armed_.reset();
      after(turn());
    }
    running_ = false;
    if (!messages_
             .empty()) // it keeps its place: the choice of who is next is made anew for each job
      ready_.push_front(shared_from_this());
  }

private:
  static constexpr std::uint64_t wake = 0; // others are timers, by their generation

  void take(std::uint64_t what) {
    if (over_)
      return;
    messages_.push_back(what);
    if (messages_.size() == 1 && !running_)
      ready_.push_back(shared_from_this());
  }

  void after(activity next) noexcept {
    if (next.what != activity::kind::finished) {
      try {
        arm(next.until);
        return;
      } catch (...) {
        crashed();
      }
    }
    over_ = true;
    messages_.clear();
    alarm_.reset();
    finished();
  }

  /// Sees to a turn at `until`.
  void arm(std::optional<time_point> until) {
    if (!until || (armed_ && *armed_ <= *until))
      return; // the armed one comes first: the turn it gives will ask again
    armed_ = until;
    alarm_.emplace(*armed_, [this, generation = ++generation_] { take(generation); });
  }

  ready_jobs& ready_;
  std::vector<std::uint64_t> messages_;
  bool running_ = false;
  bool over_ = false;
  std::uint64_t generation_ = 0;    // of the armed timer
  std::optional<time_point> armed_; // when it fires
  std::optional<alarm> alarm_;
};

/// What stands for a thread: an actor whose turns run the jobs.
class job_runner final : public actor {
public:
  job_runner() : actor{"helper"} {}

  /// The job that it has not begun yet, or null.
  const internal::crew_job* job() const { return job_.get(); }
  void post(std::shared_ptr<internal::crew_job> job, time_point at) {
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
      std::exchange(job_, nullptr)->carry_out();
    return over_ ? activity::finished() : activity::asleep();
  }
  void crashed(failure) noexcept override {}

private:
  std::shared_ptr<internal::crew_job> job_;
  time_point at_{};
  bool over_ = false;
};

/// Its jobs are jobs like all others. A job has its time to begin, whatever becomes of those beside it.
class virtual_crew final : public internal::crew {
public:
  using make_member = std::function<std::shared_ptr<job_runner>()>;

  virtual_crew(make_member make, std::function<clock::duration()> delay)
      : make_{std::move(make)}, delay_{std::move(delay)} {}
  ~virtual_crew() override {
    for (const auto& one : members_)
      one->end(false);
  }

  void run(std::vector<std::shared_ptr<internal::crew_job>>& jobs) override {
    while (!jobs.empty()) {
      auto free = std::ranges::find(members_, nullptr, &job_runner::job);
      if (free == members_.end())
        free = members_.insert(free, make_());
      (*free)->post(std::move(jobs.front()), clock::now() + delay_());
      jobs.erase(jobs.begin());
    }
  }
  void abandon(internal::crew_job& job) noexcept override {
    const auto found = std::ranges::find(members_, &job, &job_runner::job);
    if (found == members_.end())
      return;
    (*found)->end(true);
    members_.erase(found);
  }

private:
  const make_member make_;
  const std::function<clock::duration()> delay_;
  std::vector<std::shared_ptr<job_runner>> members_;
};

} // namespace

} // namespace weir

namespace weir::internal {

class virtual_engine final : public runtime_engine {
public:
  explicit virtual_engine(virtual_choices choices) : choices_{std::move(choices)} {}
  ~virtual_engine() override {
    for (const auto& one : helpers_)
      one->end(false);
    while (!ready_.empty())
      run(0);
  }

  std::shared_ptr<driven> drive(actor& who, execution) override {
    choices_.spawn();
    return std::make_shared<virtual_driver>(who, ready_);
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

  std::unique_ptr<crew> make_crew(std::uint32_t, runtime& whole) override {
    return std::make_unique<virtual_crew>(
        [this, &whole] {
          auto made = std::make_shared<job_runner>();
          helpers_.push_back(made);
          whole.spawn(*made, execution::own_thread);
          return made;
        },
        choices_.helper_delay);
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

  std::size_t ready() const { return ready_.size(); }
  std::string_view last() const { return last_; }

  bool step() {
    const auto count = ready_.size() + (io_used_ ? 1 : 0);
    if (count == 0)
      return false;
    auto chosen = count == 1 ? 0 : std::min(choices_.job(count), count - 1);
    if (chosen == ready_.size()) {
      last_ = {};
      if (io_.poll_one() > 0)
        return true;
      if (ready_.empty())
        return false;
      chosen = 0;
    }
    run(chosen);
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
  void run(std::size_t chosen) {
    const auto job =
        std::move(ready_[chosen]); // kept here: behind its last turn the actor may be gone
    ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(chosen));
    last_ = job->who().name();
    job->run();
  }

  virtual_choices choices_;
  ready_jobs ready_;
  std::vector<std::shared_ptr<job_runner>> helpers_; // to the end: their last turn may be to come
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> io_work_{
      io_.get_executor()};
  bool io_used_ = false;
  std::string last_;
};

} // namespace weir::internal

namespace weir {

virtual_runtime::virtual_runtime(runtime_options options, virtual_choices choices)
    : virtual_runtime{std::move(options),
                      std::make_unique<internal::virtual_engine>(std::move(choices))} {}

virtual_runtime::virtual_runtime(runtime_options options,
                                 std::unique_ptr<internal::virtual_engine> engine)
    : runtime{std::move(options), std::move(engine)},
      engine_{static_cast<internal::virtual_engine&>(runtime::engine())} {}

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
