#pragma once

#include "running.hpp"

#include <weir/actors/runtime.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

/// For tests whose subject is threads, real I/O or processes; all others are in virtual time. What is waited for is a
/// fact that can be seen, with a deadline; nothing sleeps.
namespace weir_test {

/// Only a test that fails waits this long.
inline constexpr auto patience = 60s;

/// Waits for a fact that nobody announces.
template <class Fact>
bool eventually(Fact fact) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!fact()) {
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    std::this_thread::yield();
  }
  return true;
}

/// Holds up the threads that pass until the test opens it; for good after that. A test that forgets to open it
/// fails by its results, it does not hang.
class gate {
public:
  void pass() const {
    std::unique_lock lock{state_->lock};
    ++state_->came;
    state_->changed.notify_all();
    state_->changed.wait_for(lock, patience, [&] { return state_->open; });
  }
  void open() const {
    const std::lock_guard lock{state_->lock};
    state_->open = true;
    state_->changed.notify_all();
  }
  bool wait_for(std::size_t count) const {
    std::unique_lock lock{state_->lock};
    return state_->changed.wait_for(lock, patience, [&] { return state_->came >= count; });
  }

private:
  struct state {
    std::mutex lock; // guards what follows
    std::condition_variable changed;
    bool open = false;
    std::size_t came = 0;
  };

  std::shared_ptr<state> state_ = std::make_shared<state>();
};

/// A source that is fed from another thread, and waits while there is nothing.
template <class T>
class fed {
public:
  using output = T;

  /// All at once: the source finds either none of them or all.
  void push(std::vector<T> items) const {
    const std::lock_guard lock{state_->lock};
    for (auto& item : items)
      state_->items.push_back(std::move(item));
    wake();
  }

  void complete() const {
    const std::lock_guard lock{state_->lock};
    state_->complete = true;
    wake();
  }

  weir::source_state poll(weir::intake<T>& in, weir::context& where) {
    const std::lock_guard lock{state_->lock};
    state_->source = &where.source_waker();
    for (; in.room() > 0 && !state_->items.empty(); state_->items.pop_front())
      in.put(std::move(state_->items.front()));
    if (!state_->items.empty())
      return weir::source_state::more;
    return state_->complete ? weir::source_state::done : weir::source_state::wait;
  }

private:
  struct state {
    std::mutex lock; // guards what follows
    std::deque<T> items;
    bool complete = false;
    weir::waker* source = nullptr;
  };

  void wake() const { // requires the lock
    if (state_->source != nullptr)
      state_->source->wake();
  }

  std::shared_ptr<state> state_ = std::make_shared<state>();
};

/// A pipeline on a node of its own, with threads.
class running_on_threads : public watched_pipeline {
public:
  explicit running_on_threads(weir::pipeline definition,
                              weir::runtime_options node = {.threads = 2})
      : watched_pipeline{patience},
        node_{std::move(node)},
        pipeline_{std::move(definition), node_} {
    watch(pipeline_);
    if (auto started = pipeline_.start(); !started)
      ADD_FAILURE() << started.error().message();
  }

private:
  weir::runtime node_;
  weir::running_pipeline pipeline_;
};

/// Runs it to its end on threads and returns what it counted.
inline weir::pipeline_snapshot run_on_threads(weir::pipeline definition) {
  running_on_threads one{std::move(definition)};
  one.finishes();
  return one->snapshot();
}

} // namespace weir_test
