#include <weir/actors/thread_crew.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::internal {

namespace {

using namespace std::chrono_literals;

/// A job that takes less than this is done before another thread has been woken for it.
constexpr std::chrono::nanoseconds quick{5us};
/// So often the watch looks whether jobs are still taken.
constexpr std::chrono::nanoseconds watch_period{1ms};

} // namespace

struct thread_crew::state {
  std::mutex lock; // guards what follows
  std::condition_variable woken;
  std::condition_variable watch_over;
  std::deque<std::shared_ptr<crew_job>> jobs;
  std::list<std::shared_ptr<member>> members; // but those that were left behind
  const std::uint32_t threads_max;
  std::uint32_t asleep = 0; // but the watch
  std::uint32_t wakes = 0;  // for threads that sleep, and have not seen it
  std::uint64_t taken = 0;  // jobs
  std::chrono::nanoseconds job_time{
      1s};               // of late; at first nobody knows, so none is taken for quick
  bool coming = false;   // a thread, which was woken or started and has not looked for a job yet
  bool watched = false;  // a thread is on watch
  bool relieved = false; // it has to come
  bool behind = false;   // a job was waiting behind another one since a thread was on watch
  bool over = false;

  explicit state(std::uint32_t most) : threads_max{most} {}

  /// Is a job waiting for which no thread is on its way? Then one is started, or one has to be notified by the caller,
  /// once he has left the lock. May throw if it can't be started.
  static std::condition_variable* see_to_a_thread(const std::shared_ptr<state>& shared) {
    auto& all = *shared;
    if (all.jobs.empty() || all.coming)
      return nullptr;
    if (all.asleep > 0) {
      --all.asleep;
      ++all.wakes;
      all.coming = true;
      return &all.woken;
    }
    if (all.watched) { // it comes at once if nobody else is awake, and else if no job is taken any more
      if (all.members.size() > 1)
        return nullptr;
      all.relieved = all.coming = true;
      return &all.watch_over;
    }
    if (all.members.size() < all.threads_max && !all.over) {
      auto& fresh = all.members.emplace_back(std::make_shared<member>());
      try {
        fresh->thread = std::thread{[shared, self = fresh] { work(shared, *self); }};
      } catch (...) {
        all.members.pop_back();
        throw;
      }
      all.coming = true;
    }
    return nullptr;
  }

  static void work(const std::shared_ptr<state>& shared, member& self) {
    auto& all = *shared;
    std::unique_lock guard{all.lock};
    all.coming = false;
    for (;;) {
      if (all.jobs.empty()) {
        if (all.over)
          return;
        if (all.behind && !all.watched && all.job_time < quick)
          all.watch(guard);
        else
          all.sleep(guard);
        continue;
      }
      auto job = std::move(all.jobs.front());
      all.jobs.pop_front();
      ++all.taken;
      self.job = job.get();
      all.behind = all.behind || !all.jobs.empty();
      std::condition_variable* another = nullptr;
      if (!all.watched) {
        try {
          another = see_to_a_thread(shared);
        } catch (...) { // no thread to be had: those that there are take what is left
        }
      }
      guard.unlock();
      if (another != nullptr)
        another->notify_one();
      const auto began = std::chrono::steady_clock::now();
      job->carry_out();
      const auto took = std::chrono::steady_clock::now() - began;
      job.reset();
      guard.lock();
      all.job_time += (std::min<std::chrono::nanoseconds>(took, 1ms) - all.job_time) / 16;
      self.job = nullptr;
      if (self.left_behind)
        return;
    }
  }

  void sleep(std::unique_lock<std::mutex>& guard) {
    ++asleep;
    woken.wait(guard, [this] { return wakes > 0; });
    --wakes;
    coming = false;
  }

  /// Sleeps too while jobs are quick, and looks now and then: where one was not, there is a thread for those behind it.
  void watch(std::unique_lock<std::mutex>& guard) {
    watched = true;
    behind = false;
    auto before = taken;
    while (!watch_over.wait_for(guard, watch_period, [this] { return relieved || over; })
           && taken != std::exchange(before, taken))
      ;
    watched = false;
    if (std::exchange(relieved, false))
      coming = false;
  }
};

thread_crew::thread_crew(std::uint32_t threads_max)
    : shared_{std::make_shared<state>(threads_max)} {}

thread_crew::~thread_crew() {
  std::list<std::shared_ptr<member>> members;
  {
    const std::lock_guard guard{shared_->lock};
    shared_->over = true;
    shared_->wakes += std::exchange(shared_->asleep, 0);
    members = shared_->members; // the list is still looked at by those that work
  }
  shared_->woken.notify_all();
  shared_->watch_over.notify_all();
  for (const auto& one : members)
    one->thread.join();
}

void thread_crew::run(std::vector<std::shared_ptr<crew_job>>& jobs) {
  std::condition_variable* one = nullptr;
  {
    const std::lock_guard guard{shared_->lock};
    auto& all = shared_->jobs;
    const auto before = all.size();
    try {
      all.insert(all.end(), jobs.begin(), jobs.end());
      one = state::see_to_a_thread(shared_);
    } catch (...) {
      all.resize(before);
      throw;
    }
  }
  jobs.clear();
  if (one != nullptr)
    one->notify_one();
}

void thread_crew::abandon(crew_job& job) noexcept {
  std::condition_variable* one = nullptr;
  {
    const std::lock_guard guard{shared_->lock};
    auto& members = shared_->members;
    const auto found = std::ranges::find(members, &job, [](const auto& its) { return its->job; });
    if (found == members.end()) {
      std::erase_if(shared_->jobs, [&job](const auto& its) { return its.get() == &job; });
      return;
    }
    (*found)->left_behind = true;
    (*found)->thread.detach();
    members.erase(found); // another one may take its place
    try {
      one = state::see_to_a_thread(shared_);
    } catch (...) { // no thread to be had: those that there are take what is left
    }
  }
  if (one != nullptr)
    one->notify_one();
}

} // namespace weir::internal
