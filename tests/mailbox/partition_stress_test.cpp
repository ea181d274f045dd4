#include "../sanitized.hpp"
#include "settling.hpp"

#include <weir/mailbox/partition.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

// A source admits as much as there is room for, several threads settle it, and a sink asks all the time how
// far it may commit.

namespace {

using namespace std::chrono_literals;
using settling::opening;
using settling::settle;
using weir::outcome;
using weir::internal::partition;

constexpr std::uint64_t total = (sanitized ? 2 : 60) * partition::window;
constexpr std::uint64_t settlers_count = 3;
constexpr std::uint64_t slice_max = 512;

class sleeping_place final : public weir::waker {
public:
  void wake() noexcept override {
    const std::lock_guard lock{lock_};
    woken_ = true;
    changed_.notify_one();
  }
  /// Returns false if nobody came: a wake-up was lost.
  bool sleep() {
    std::unique_lock lock{lock_};
    const bool came = changed_.wait_for(lock, 20s, [&] { return woken_; });
    woken_ = false;
    return came;
  }

private:
  std::mutex lock_;
  std::condition_variable changed_;
  bool woken_ = false; // guarded by lock_
};

using run = std::pair<std::uint64_t, std::uint64_t>; // first, count

/// What was admitted, on its way to one settler. An empty run is the end.
class channel {
public:
  void put(run one) {
    const std::lock_guard lock{lock_};
    runs_.push_back(one);
    changed_.notify_one();
  }
  run take() {
    std::unique_lock lock{lock_};
    changed_.wait(lock, [&] { return !runs_.empty(); });
    const auto one = runs_.front();
    runs_.pop_front();
    return one;
  }

private:
  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<run> runs_; // guarded by lock_
};

/// In every other block, every seventh item is copied: two settlers have a share of it.
constexpr bool copied(std::uint64_t position) {
  return position / 64 % 2 == 0 && position % 7 == 0;
}
constexpr bool belongs(std::uint64_t position, std::uint64_t settler) {
  return position % settlers_count == settler
         || (copied(position) && (position + 1) % settlers_count == settler);
}

class PartitionStress : public testing::Test {
protected:
  void admit_all() {
    while (partition_.last_admitted() < total) {
      // In slices, so that the settlers meet in the same blocks.
      const auto room =
          std::min({partition_.room(), total - partition_.last_admitted(), slice_max});
      if (room == 0) {
        if (partition_.call_when_there_is_room(source_) && !source_.sleep()) {
          stuck_ = true;
          break;
        }
        continue;
      }
      const auto first = partition_.last_admitted() + 1;
      partition_.admit(first, room);
      for (auto position = first; position < first + room; ++position)
        if (copied(position))
          partition_.share(position, 1);
      for (auto& one : channels_)
        one.put({first, room});
    }
    for (auto& one : channels_)
      one.put({0, 0});
  }

  void settle_all(std::uint64_t settler) {
    for (;;) {
      const auto [first, count] = channels_[settler].take();
      if (count == 0)
        return;
      for (auto base = first / 64 * 64; base < first + count; base += 64) {
        std::uint64_t mask = 0;
        for (auto position = std::max(base, first); position < std::min(base + 64, first + count);
             ++position)
          if (belongs(position, settler)) {
            mask |= std::uint64_t{1} << (position % 64);
            shares_settled_[position].fetch_add(1, std::memory_order_release);
          }
        if (mask == 0)
          continue;
        const auto done = partition_.settle(base, mask, outcome::acknowledged);
        settled_[settler] += done.counts[static_cast<std::size_t>(outcome::acknowledged)];
        if (done.twice)
          twice_ = true;
      }
    }
  }

  /// How many positions up to `position` are not settled, though the partition said they are.
  std::uint64_t wrong_up_to(std::uint64_t position, std::uint64_t& checked) const {
    std::uint64_t wrong = 0;
    for (; checked < position; ++checked) {
      const auto shares = shares_settled_[checked + 1].load(std::memory_order_acquire);
      wrong += shares < (copied(checked + 1) ? 2 : 1) ? 1U : 0U;
    }
    return wrong;
  }

  partition partition_{opening("file")};
  sleeping_place source_;
  std::array<channel, settlers_count> channels_;
  std::array<std::uint64_t, settlers_count> settled_{}; // for good, each by its settler
  std::unique_ptr<std::atomic<std::uint8_t>[]> shares_settled_ =
      std::make_unique<std::atomic<std::uint8_t>[]>(total + 1);
  std::atomic<bool> twice_{false};
  bool stuck_ = false; // of the source
};

TEST_F(PartitionStress, NeverSaysThatSomethingIsSettledThatIsNot) {
  std::vector<std::thread> settlers;
  for (std::uint64_t k = 0; k < settlers_count; ++k)
    settlers.emplace_back([this, k] { settle_all(k); });

  std::atomic<bool> done{false};
  std::uint64_t wrong = 0;
  std::thread sink{[&] {
    std::uint64_t checked = 0;
    while (!done)
      wrong += wrong_up_to(partition_.prefix_with({}), checked);
  }};

  admit_all();
  for (auto& one : settlers)
    one.join();
  done = true;
  sink.join();

  EXPECT_FALSE(stuck_) << "the source was not woken";
  EXPECT_FALSE(twice_);
  EXPECT_EQ(wrong, 0U) << "positions that would be lost after a crash";
  EXPECT_EQ(partition_.prefix(), total);
  EXPECT_EQ(partition_.in_flight(), 0U);
  std::uint64_t settled = 0;
  for (const auto count : settled_)
    settled += count;
  EXPECT_EQ(settled, total) << "each position counts once, also where it was copied";
}

TEST(LaneWakeUpStress, ASourceIsWokenWhenTheSettlingComesWhileItParks) {
  partition one{opening("file")};
  one.admit(1, partition::in_flight_max);
  sleeping_place source;
  constexpr std::uint64_t rounds = total / 300;
  std::atomic<std::uint64_t> may_settle{0};
  std::atomic<std::uint64_t> ready{0};
  const auto wait_for = [](std::atomic<std::uint64_t>& flag, std::uint64_t value) {
    for (int tries = 0; flag.load(std::memory_order_acquire) < value; ++tries)
      if (tries % 1000 == 999)
        std::this_thread::yield();
  };
  const auto dawdle = [](std::uint64_t steps) {
    for (std::atomic<std::uint64_t> k = 0; k < steps; ++k)
      ;
  };
  std::thread settler{[&] {
    for (std::uint64_t position = 1; position <= rounds; ++position) {
      ready = position;
      wait_for(may_settle, position);
      dawdle(position % 61);
      settle(one, position, outcome::filtered);
    }
  }};
  bool stuck = false;
  for (std::uint64_t position = 1; position <= rounds; ++position) {
    wait_for(ready, position);
    may_settle = position; // and at the same moment:
    dawdle(position % 67);
    while (!stuck && one.call_when_there_is_room(source))
      stuck = !source.sleep();
    if (!stuck)
      one.admit(one.last_admitted() + 1, 1);
  }
  settler.join();
  EXPECT_FALSE(stuck) << "its wake-up was lost";
}

} // namespace
