#pragma once

#include <weir/actors/helper.hpp>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace weir {

/// A helper with a thread of its own. What the thread needs it shares, so that it can be left behind.
class helper_thread final : public helper {
public:
  helper_thread() : thread_{[shared = shared_] { shared->run(); }} {}
  ~helper_thread() override {
    shared_->post({}, true);
    if (thread_.joinable())
      thread_.join();
  }

  void run(std::function<void()> job) override { shared_->post(std::move(job), false); }
  void abandon() noexcept override {
    if (thread_.joinable())
      thread_.detach();
  }

private:
  struct state {
    std::mutex lock; // guards what follows
    std::condition_variable changed;
    std::function<void()> job;
    bool over = false;

    void post(std::function<void()> next, bool last) {
      const std::lock_guard guard{lock};
      if (last)
        over = true;
      else
        job = std::move(next);
      changed.notify_one();
    }
    void run() {
      std::unique_lock guard{lock};
      for (;;) {
        changed.wait(guard, [this] { return over || job; });
        if (!job)
          return;
        {
          const auto mine = std::exchange(job, nullptr);
          guard.unlock();
          mine();
        }
        guard.lock();
      }
    }
  };

  const std::shared_ptr<state> shared_ = std::make_shared<state>();
  std::thread thread_;
};

} // namespace weir
