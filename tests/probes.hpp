#pragma once

#include <weir/actors/runtime.hpp>
#include <weir/dead_letters/dead_letter_memory.hpp>
#include <weir/pipeline/pipeline.hpp>
#include <weir/pipeline/running_pipeline.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

/// Sources, sinks and gates for tests of running pipelines. What is waited for is a fact that can be seen, with
/// a deadline; nothing sleeps. Copies of a probe share what they hold, so that one can be given away.
namespace probes {

using namespace std::chrono_literals;

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

/// A source of make(0), make(1), … at the positions 1, 2, …; started anew it goes on behind what it has put.
template <class Make>
struct counted {
  using output = std::invoke_result_t<Make&, std::size_t>;

  std::size_t count;
  Make make;
  std::size_t next = 0;

  void on_start(weir::context& where) { next = where.last_position(); }
  weir::source_state poll(weir::intake<output>& in, weir::context&) {
    for (; in.room() > 0 && next < count; ++next)
      in.put(make(next));
    return next == count ? weir::source_state::done : weir::source_state::more;
  }
};
template <class Make>
counted(std::size_t, Make) -> counted<Make>;

/// A source of 0, 1, … count - 1.
inline auto numbers(std::size_t count) {
  return counted{count, [](std::size_t n) { return static_cast<int>(n); }};
}

/// The numbers of `numbers(count)` that fulfil a predicate, turned into something else.
template <class Change>
auto each_of(std::size_t count, Change change) {
  std::vector<std::invoke_result_t<Change&, int>> all;
  for (std::size_t n = 0; n < count; ++n)
    all.push_back(change(static_cast<int>(n)));
  return all;
}
inline std::vector<int> up_to(std::size_t count) {
  return each_of(count, [](int n) { return n; });
}
template <class Predicate>
std::vector<int> up_to(std::size_t count, Predicate predicate) {
  auto all = up_to(count);
  std::erase_if(all, [&](int n) { return !predicate(n); });
  return all;
}

/// A source that is fed by hand and waits while there is nothing.
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

/// Keeps what it is given, in order.
template <class T>
class collected {
public:
  void add(T item) const {
    const std::lock_guard lock{state_->lock};
    state_->items.push_back(std::move(item));
    state_->changed.notify_all();
  }
  std::vector<T> items() const {
    const std::lock_guard lock{state_->lock};
    return state_->items;
  }
  std::size_t size() const { return items().size(); }
  bool wait_for(std::size_t count) const {
    std::unique_lock lock{state_->lock};
    return state_->changed.wait_for(lock, patience, [&] { return state_->items.size() >= count; });
  }

  /// A sink that can't fail, and keeps everything here.
  auto sink() const {
    return [kept = *this](const T& item) noexcept { kept.add(item); };
  }

private:
  struct state {
    std::mutex lock; // guards what follows
    std::condition_variable changed;
    std::vector<T> items;
  };

  std::shared_ptr<state> state_ = std::make_shared<state>();
};

/// Holds up whoever passes until the test opens it; for good after that. A test that forgets to open it fails
/// by its results, it does not hang.
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

/// Retries that come at once.
inline weir::retry_policy at_once(std::uint32_t attempts = 3) {
  return {.attempts = attempts, .delay_min = 0ms, .delay_max = 0ms};
}

/// A supervisor that restarts at once.
inline weir::pipeline_options restarting(std::uint32_t intensity = 5,
                                         weir::strategy strategy = weir::one_for_one) {
  return {.supervision = {.strategy = strategy,
                          .intensity = intensity,
                          .delays = {.delay_min = 0ms, .delay_max = 1ms}}};
}

inline std::string to_string(const weir::pipeline_snapshot& now) {
  auto text = to_string(now.ledger) + "; dead letters waiting "
              + std::to_string(now.dead_letters_waiting) + " " + now.dead_letters_trouble;
  for (const auto& one : now.stages)
    text += "\n  " + one.stage + ": processed " + std::to_string(one.processed) + ", failed "
            + std::to_string(one.failed) + ", restarts " + std::to_string(one.restarts)
            + ", backlog " + std::to_string(one.backlog) + " " + one.last_failure;
  return text;
}

/// A pipeline that runs on a node of its own.
class running {
public:
  explicit running(weir::pipeline definition, weir::runtime_options node = {.threads = 2})
      : node_{std::move(node)}, pipeline_{std::move(definition), node_} {
    if (auto started = pipeline_.start(); !started)
      ADD_FAILURE() << started.error().message();
  }

  weir::running_pipeline* operator->() { return &pipeline_; }
  weir::ledger_totals ledger() const { return pipeline_.snapshot().ledger; }
  weir::stage_snapshot stage(std::string_view name) const {
    for (auto& one : pipeline_.snapshot().stages)
      if (one.stage == name)
        return one;
    ADD_FAILURE() << "there is no stage " << name;
    return {};
  }

  /// Waits until all of it has ended; says where it stands if that takes too long.
  weir::running_pipeline::state ended() {
    const auto how = pipeline_.wait_until(std::chrono::steady_clock::now() + patience);
    if (!how)
      ADD_FAILURE() << "still running: " << to_string(pipeline_.snapshot());
    const auto ledger = this->ledger();
    EXPECT_TRUE(ledger.balanced()) << to_string(pipeline_.snapshot());
    return how.value_or(weir::running_pipeline::state::running);
  }

  /// Waits for the end of everything, which must be a good one.
  void finishes() {
    EXPECT_EQ(ended(), weir::running_pipeline::state::finished) << pipeline_.why().message();
    EXPECT_EQ(ledger().in_flight, 0U) << to_string(pipeline_.snapshot());
  }

private:
  weir::runtime node_;
  weir::running_pipeline pipeline_;
};

/// Runs it to its end and returns what it counted.
inline weir::pipeline_snapshot run(weir::pipeline definition) {
  running one{std::move(definition)};
  one.finishes();
  return one->snapshot();
}

} // namespace probes
