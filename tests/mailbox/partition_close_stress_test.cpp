#include "../sanitized.hpp"
#include "settling.hpp"

#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/batched_settlement.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

// A source opens a partition, several threads settle it, and meanwhile it is given back and becomes another: at whatever
// moment, each item is settled or given back, and never both.

namespace {

using weir::outcome;
using weir::internal::partition;

constexpr std::uint64_t lives = sanitized ? 2'000 : 40'000;
constexpr std::uint64_t settlers_count = 3;

class PartitionCloseStress : public testing::TestWithParam<bool> {
protected:
  /// Every fifth item is copied: two settlers have a share of it.
  static bool belongs(std::uint64_t position, std::uint64_t settler) {
    return position % settlers_count == settler
           || (position % 5 == 0 && (position + 1) % settlers_count == settler);
  }

  static void wait_for(const std::atomic<std::uint64_t>& flag, std::uint64_t value) {
    for (int tries = 0; flag.load(std::memory_order_acquire) < value; ++tries)
      if (tries % 100 == 99)
        std::this_thread::yield();
  }
  void settle_all(std::uint64_t settler) {
    for (std::uint64_t life = 1; life <= lives; ++life) {
      ready_[settler].store(life, std::memory_order_release);
      wait_for(may_settle_, life);
      const auto how = life % 2 == 0 ? outcome::acknowledged : outcome::dead_lettered;
      weir::internal::batched_settlement settlement{books_, how};
      for (auto position = first_; position <= last_; ++position)
        if (belongs(position, settler)) {
          settlement.add({index_, position});
          if ((position + life) % 11 == 0)
            settlement.flush();
        }
    }
    ready_[settler].store(lives + 1, std::memory_order_release);
  }

  /// Opens the next one while the last one is settled yet, perhaps in its place.
  void open(std::uint64_t life) {
    auto how = settling::opening(std::to_string(life), life * 37 % 200);
    how.keeps_outcomes = GetParam();
    const auto first = how.from.position + 1;
    const auto last = first + life % 150;
    const auto index = books_.open_partition(std::move(how));
    auto& one = books_.partition_at(index);
    one.admit(first, last - first + 1);
    books_.admitted(last - first + 1);
    for (auto position = first; position <= last; ++position)
      if (position % 5 == 0)
        books_.share({index, position}, 1);
    for (const auto& settler : ready_)
      wait_for(settler, life);
    // Nobody has settled any of it.
    if (one.in_flight() != last - first + 1)
      ++not_clean_;
    admitted_ += last - first + 1;
    index_ = index;
    first_ = first;
    last_ = last;
  }

  void give_back(std::uint64_t life) {
    auto& one = books_.partition_at(index_);
    // In the midst of it: some are settled, some are being settled, others come late.
    const auto left = life * 29 % (last_ - first_ + 2);
    for (int tries = 1; one.in_flight() > left; ++tries)
      if (tries % 100 == 0)
        std::this_thread::yield();
    one.begin_close();
    const auto done = books_.give_back(index_);
    std::uint64_t returned = 0;
    for (auto position = first_; position <= last_; ++position) {
      const bool settled = is_settled(done.settled, position);
      returned += settled ? 0U : 1U;
      if (GetParam() && (one.outcome_of(position) == outcome::returned) == settled)
        ++not_agreed_;
    }
    if (returned != done.returned)
      ++not_agreed_;
    returned_ += returned;
    books_.partitions().forget(index_);
  }

  weir::internal::acknowledgement books_;
  std::array<std::atomic<std::uint64_t>, settlers_count> ready_{}; // the life that each waits for
  std::atomic<std::uint64_t> may_settle_{0};
  // Written by the source while all settlers are ready.
  std::uint32_t index_ = 0;
  std::uint64_t first_ = 0;
  std::uint64_t last_ = 0;
  // The source's.
  std::uint64_t admitted_ = 0;
  std::uint64_t returned_ = 0;
  std::uint64_t not_clean_ = 0;
  std::uint64_t not_agreed_ = 0;
};
INSTANTIATE_TEST_SUITE_P(KeepsOutcomes, PartitionCloseStress, testing::Bool());

TEST_P(PartitionCloseStress, SettlesEachItemOrGivesItBack) {
  std::vector<std::thread> settlers;
  for (std::uint64_t k = 0; k < settlers_count; ++k)
    settlers.emplace_back([this, k] { settle_all(k); });
  for (std::uint64_t life = 1; life <= lives; ++life) {
    open(life);
    may_settle_.store(life, std::memory_order_release);
    give_back(life);
  }
  for (auto& one : settlers)
    one.join();

  EXPECT_EQ(not_clean_, 0U) << "a partition had something of the one before it";
  EXPECT_EQ(not_agreed_, 0U) << "what is settled is not returned, and the other way round";
  EXPECT_FALSE(books_.settled_twice());
  const auto totals = books_.totals();
  EXPECT_TRUE(totals.balanced()) << to_string(totals);
  EXPECT_EQ(totals.admitted, admitted_);
  EXPECT_EQ(totals.in_flight, 0U);
  EXPECT_EQ(totals.returned, returned_);
  EXPECT_EQ(totals.acknowledged + totals.dead_lettered + totals.returned, admitted_);
  EXPECT_EQ(books_.late(), returned_) << "all that was given back has come since, once";
  EXPECT_FALSE(books_.any_given_back());
  std::cout << "of " << admitted_ << " items " << returned_ << " were given back, in "
            << books_.partitions().size() << " places\n";
  books_.partitions().each([](std::uint32_t, const partition& one) { EXPECT_TRUE(one.quiet()); });
}

} // namespace
