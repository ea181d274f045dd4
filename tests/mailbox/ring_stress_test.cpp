#include "../sanitized.hpp"

#include <weir/mailbox/ring.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

// Producers and consumers on threads of their own, with the whole protocol: write, publish, announce, look
// once more, sleep. Items own memory, so that one that is lost or doubled is also seen by the sanitizers.

namespace {

using namespace std::chrono_literals;
using weir::internal::origin;

using item = std::unique_ptr<std::uint64_t>;
using ring = weir::internal::ring<item>;

constexpr std::uint64_t share_of_counts = sanitized ? 10 : 1;

/// Where a thread sleeps until it is woken. A wake that comes before the sleep is kept; more of them are one.
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
    if (!changed_.wait_for(lock, 20s, [&] { return woken_; }))
      return false;
    woken_ = false;
    return true;
  }

private:
  std::mutex lock_;
  std::condition_variable changed_;
  bool woken_ = false; // guarded by lock_
};

/// Writes 0, 1, 2 … in slices of random length and closes the ring.
class producer {
public:
  producer(ring& to, std::uint64_t count, unsigned seed) : to_{to}, count_{count}, random_{seed} {
    to_.set_producer(&place_);
  }

  void run() {
    while (published < count_ && !to_.cancelled()) {
      std::uniform_int_distribution<std::uint64_t> slice{
          1, std::min<std::uint64_t>(to_.capacity(), count_ - published)};
      const auto wanted = static_cast<std::size_t>(slice(random_));
      const auto count = std::min(wanted, to_.credit(wanted));
      if (count == 0) {
        if (!sleep())
          return;
        continue;
      }
      for (std::size_t k = 0; k < count; ++k) {
        const auto at = to_.write_index() + k;
        std::construct_at(to_.value(at), std::make_unique<std::uint64_t>(published + k));
        to_.from(at) = origin{0, published + k};
      }
      published += count; // before another thread may see them
      to_.publish(count);
    }
    to_.close();
  }

  // Of the thread that runs it.
  std::uint64_t published = 0;
  bool stuck = false;

private:
  bool sleep() {
    to_.announce_producer_waiting();
    if (to_.producer_may_go_on()) {
      to_.withdraw_producer_waiting();
      return true;
    }
    stuck = !place_.sleep();
    return !stuck;
  }

  ring& to_;
  const std::uint64_t count_;
  std::mt19937 random_;
  sleeping_place place_;
};

/// Reads several rings in turns until all are drained, or until it has read `most` items: then it cancels.
class consumer {
public:
  consumer(std::vector<ring*> from, std::uint64_t most, unsigned seed)
      : read(from.size()), from_{std::move(from)}, most_{most}, random_{seed} {
    for (auto* one : from_)
      one->set_consumer(&place_);
  }

  void run() {
    for (;;) {
      bool found = false;
      bool drained = true;
      for (std::size_t k = 0; k < from_.size(); ++k) {
        found = slice(*from_[k], read[k]) || found;
        drained = from_[k]->drained() && drained;
      }
      if (drained)
        return;
      if (most_ == 0) {
        for (auto* one : from_)
          one->cancel();
        return;
      }
      if (!found && !sleep())
        return;
    }
  }

  // Of the thread that runs it.
  std::vector<std::uint64_t> read; // of each ring
  bool stuck = false;
  bool in_order = true;

private:
  bool slice(ring& from, std::uint64_t& next) {
    std::uniform_int_distribution<std::size_t> length{1, from.capacity()};
    const auto wanted = length(random_);
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>({wanted, from.available(wanted), most_}));
    for (std::size_t k = 0; k < count; ++k, ++next) {
      const auto at = from.read_index() + k;
      in_order = in_order && **from.value(at) == next && from.from(at) == origin{0, next};
    }
    from.release(count);
    most_ -= count;
    return count > 0;
  }

  bool sleep() {
    for (auto* one : from_)
      if (!one->drained())
        one->announce_consumer_waiting();
    // A ring that is drained can't change any more, and must not keep us awake.
    const bool changed = std::ranges::any_of(
        from_, [](auto* one) { return !one->drained() && one->consumer_may_go_on(); });
    const bool ended = std::ranges::all_of(from_, [](auto* one) { return one->drained(); });
    if (changed || ended) {
      for (auto* one : from_)
        one->withdraw_consumer_waiting();
      return true;
    }
    stuck = !place_.sleep();
    return !stuck;
  }

  const std::vector<ring*> from_;
  std::uint64_t most_;
  std::mt19937 random_;
  sleeping_place place_;
};

constexpr auto everything = std::numeric_limits<std::uint64_t>::max();

class RingStress : public testing::TestWithParam<std::size_t> {
protected:
  /// More where a slice is longer: what takes time is to wake the other thread.
  static std::uint64_t items() {
    return (GetParam() < 8 ? 100'000U : 1'000'000U) / share_of_counts;
  }
};
INSTANTIATE_TEST_SUITE_P(Capacity, RingStress, testing::Values(1, 2, 3, 64));

TEST_P(RingStress, EveryItemArrivesOnceAndInOrder) {
  ring between{GetParam()};
  producer writes{between, items(), 1};
  consumer reads{{&between}, everything, 2};
  std::thread writer{[&] { writes.run(); }};
  reads.run();
  writer.join();
  EXPECT_FALSE(writes.stuck) << "the producer was not woken";
  EXPECT_FALSE(reads.stuck) << "the consumer was not woken";
  EXPECT_TRUE(reads.in_order);
  EXPECT_EQ(reads.read.front(), items());
  EXPECT_TRUE(between.drained());
}

TEST_P(RingStress, WhatWasPublishedBeforeTheProducerWentAwayArrives) {
  for (unsigned seed = 0; seed < 400 / share_of_counts; ++seed) {
    const std::uint64_t count = std::mt19937{seed}() % (4 * GetParam());
    ring between{GetParam()};
    producer writes{between, count, seed};
    consumer reads{{&between}, everything, seed};
    std::thread writer{[&] { writes.run(); }};
    reads.run();
    writer.join();
    ASSERT_FALSE(writes.stuck || reads.stuck) << "seed " << seed;
    ASSERT_TRUE(reads.in_order) << "seed " << seed;
    ASSERT_EQ(reads.read.front(), count) << "seed " << seed;
  }
}

TEST_P(RingStress, AProducerStopsWhenTheConsumerGoesAwayAndNothingIsLostBetweenThem) {
  for (unsigned seed = 0; seed < 400 / share_of_counts; ++seed) {
    const std::uint64_t most = std::mt19937{seed}() % (8 * GetParam());
    ring between{GetParam()};
    producer writes{between, everything, seed};
    consumer reads{{&between}, most, seed};
    std::thread writer{[&] { writes.run(); }};
    reads.run();
    writer.join();
    ASSERT_FALSE(writes.stuck || reads.stuck) << "seed " << seed;
    ASSERT_TRUE(reads.in_order) << "seed " << seed;
    ASSERT_EQ(reads.read.front(), most) << "seed " << seed;
    ASSERT_EQ(between.size(), writes.published - most) << "seed " << seed;
  }
}

TEST_P(RingStress, AMailboxOfSeveralRingsStarvesNone) {
  std::vector<std::unique_ptr<ring>> rings;
  std::vector<std::unique_ptr<producer>> writes;
  std::vector<ring*> mailbox;
  const auto count = items() / 10;
  for (unsigned k = 0; k < 3; ++k) {
    rings.push_back(std::make_unique<ring>(GetParam()));
    // One comes to its end early, while the others go on.
    writes.push_back(std::make_unique<producer>(*rings.back(), k == 0 ? count / 100 : count, k));
    mailbox.push_back(rings.back().get());
  }
  consumer reads{mailbox, everything, 7};
  std::vector<std::thread> writers;
  writers.reserve(writes.size());
  for (auto& one : writes)
    writers.emplace_back([&one] { one->run(); });
  reads.run();
  for (auto& one : writers)
    one.join();
  for (const auto& one : writes)
    EXPECT_FALSE(one->stuck);
  EXPECT_FALSE(reads.stuck);
  EXPECT_TRUE(reads.in_order);
  EXPECT_EQ(reads.read, (std::vector<std::uint64_t>{count / 100, count, count}));
}

TEST(RingHandOver, BothSidesMayMoveToOtherThreads) {
  weir::internal::ring<std::uint64_t> between{4};
  for (std::uint64_t turn = 0; turn < 200; ++turn) {
    std::thread{[&] {
      while (!between.try_push(between.write_index()))
        ;
    }}.join();
    std::thread{[&] {
      for (auto index = between.read_index(); auto taken = between.try_pop(); ++index)
        ASSERT_EQ(*taken, index);
    }}.join();
  }
  EXPECT_EQ(between.read_index(), 800U);
}

} // namespace
