#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/batched_settlement.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using weir::outcome;
using weir::internal::acknowledgement;
using weir::internal::batched_settlement;
using weir::internal::origin;

class BatchedSettlement : public testing::Test {
protected:
  BatchedSettlement() {
    for (const auto* name : {"a", "b", "c"}) {
      const auto partition = books_.add_partition(name, 0);
      books_.partition_at(partition).admit(1, items_each);
      books_.admitted(items_each);
    }
  }

  std::uint64_t in_flight() const { return books_.totals().in_flight; }
  void expect_sound() const {
    EXPECT_TRUE(books_.totals().balanced()) << to_string(books_.totals());
    EXPECT_FALSE(books_.settled_twice());
  }

  static constexpr std::uint64_t items_each = 1000;
  acknowledgement books_;
};

TEST_F(BatchedSettlement, SettlesWhatIsPendingAtItsEnd) {
  {
    batched_settlement stored{books_, outcome::acknowledged};
    stored.add({0, 1});
    stored.add({0, 2});
    EXPECT_EQ(books_.totals().acknowledged, 0U) << "neighbours go together";
  }
  EXPECT_EQ(books_.totals().acknowledged, 2U);
  expect_sound();
}

TEST_F(BatchedSettlement, SettlesWhatIsPendingWhenFlushed) {
  batched_settlement stored{books_, outcome::filtered};
  stored.flush();
  stored.add({1, 7});
  stored.flush();
  EXPECT_EQ(books_.totals().filtered, 1U);
  stored.flush();
  stored.add({1, 8});
  stored.flush();
  EXPECT_EQ(books_.totals().filtered, 2U);
  expect_sound();
}

TEST_F(BatchedSettlement, GoesAcrossBlocksAndLanes) {
  {
    batched_settlement stored{books_, outcome::acknowledged};
    for (std::uint64_t position = 1; position <= items_each; ++position)
      for (std::uint32_t partition = 0; partition < 3; ++partition)
        stored.add({partition, position});
  }
  EXPECT_EQ(books_.totals().acknowledged, 3 * items_each);
  EXPECT_EQ(in_flight(), 0U);
  expect_sound();
}

TEST_F(BatchedSettlement, DoesNotMixTheSameBlockOfTwoLanes) {
  {
    batched_settlement stored{books_, outcome::acknowledged};
    stored.add({0, 5});
    stored.add({1, 6});
  }
  EXPECT_EQ(books_.partition_at(0).in_flight(), items_each - 1);
  EXPECT_EQ(books_.partition_at(1).in_flight(), items_each - 1);
  expect_sound();
}

TEST_F(BatchedSettlement, TakesNothingForNothing) {
  {
    batched_settlement stored{books_, outcome::acknowledged};
    stored.add(origin{}); // what a stage emitted at the end of its stream, say
    stored.add({0, 1});
    stored.add(origin{});
    stored.add({0, 2});
    stored.flush();
    stored.add(origin{});
  }
  EXPECT_EQ(books_.totals().acknowledged, 2U);
  expect_sound();
}

TEST_F(BatchedSettlement, SettlesEveryCopyOfAnItemInARun) {
  books_.share({0, 1}, 2);
  {
    batched_settlement stored{books_, outcome::acknowledged};
    stored.add({0, 1});
    stored.add({0, 1});
    EXPECT_EQ(in_flight(), 3 * items_each);
    stored.add({0, 1});
    stored.add({0, 2});
  }
  EXPECT_EQ(books_.totals().acknowledged, 2U);
  expect_sound();
}

TEST_F(BatchedSettlement, SettlesBatchesInBetween) {
  {
    batched_settlement stored{books_, outcome::acknowledged};
    stored.add({0, 1});
    stored.add(books_.group({{0, 2}, {1, 1}}));
    stored.add({0, 3});
  }
  EXPECT_EQ(books_.totals().acknowledged, 4U);
  expect_sound();
}

/// The ways of items that are copied and gathered at random, and end at random.
TEST(BatchedSettlementModel, EndsEveryItemOnceAndWithItsGravestEnding) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random{seed};
    const auto up_to = [&](std::size_t most) {
      return std::uniform_int_distribution<std::size_t>{0, most}(random);
    };
    acknowledgement books;
    std::vector<origin> ways; // a copy, an item or a batch each
    std::map<std::uint64_t, std::size_t> gravest;
    for (std::uint32_t partition = 0; partition < 3; ++partition) {
      const auto count = 1 + up_to(300);
      books.add_partition("partition " + std::to_string(partition), 0);
      books.partition_at(partition).admit(1, count);
      books.admitted(count);
      for (std::uint64_t position = 1; position <= count; ++position) {
        const auto more = up_to(9) == 0 ? static_cast<std::uint32_t>(up_to(4)) : 0U;
        books.share({partition, position}, more);
        ways.insert(ways.end(), 1 + more, origin{partition, position});
      }
    }
    if (seed % 2 == 0) // else neighbours stay together
      std::ranges::shuffle(ways, random);
    for (int k = 0; k < 20; ++k) { // some go on as a batch, of which there may be copies
      const auto first = up_to(ways.size() - 1);
      const auto count = 1 + up_to(std::min<std::size_t>(ways.size() - first - 1, 20));
      const auto from = ways.begin() + static_cast<std::ptrdiff_t>(first);
      const auto batch = books.group({from, from + static_cast<std::ptrdiff_t>(count)});
      ways.erase(from, from + static_cast<std::ptrdiff_t>(count));
      const auto more = static_cast<std::uint32_t>(up_to(2));
      books.share(batch, more);
      ways.insert(ways.end(), 1 + more, batch);
    }

    const auto note = [&](auto& self, origin where, outcome how) -> void {
      if (!where.is_group()) {
        auto& so_far = gravest[where.word()];
        so_far = std::max(so_far, static_cast<std::size_t>(how));
      } else {
        for (auto member : where.group()->members())
          self(self, member, how);
      }
    };
    while (!ways.empty()) {
      const auto how = static_cast<outcome>(up_to(3));
      batched_settlement settlement{books, how};
      for (auto slice = 1 + up_to(100); slice > 0 && !ways.empty(); --slice) {
        const auto where = ways.back();
        ways.pop_back();
        note(note, where, how);
        if (where.is_group() && up_to(2) == 0)
          for (auto member : books.take_apart(where))
            settlement.add(member);
        else
          settlement.add(where);
      }
    }

    std::array<std::uint64_t, 4> expected{};
    for (const auto& [where, how] : gravest)
      ++expected[how];
    const auto totals = books.totals();
    ASSERT_EQ(
        (std::array{totals.filtered, totals.acknowledged, totals.dropped, totals.dead_lettered}),
        expected)
        << "seed " << seed;
    ASSERT_EQ(totals.in_flight, 0U) << "seed " << seed;
    ASSERT_TRUE(totals.balanced()) << "seed " << seed;
    ASSERT_FALSE(books.settled_twice()) << "seed " << seed;
  }
}

TEST(BatchedSettlementStress, CopiesOfBatchesEndOnSeveralThreads) {
  constexpr std::uint64_t batches = 2000;
  constexpr std::uint64_t size = 50;
  acknowledgement books;
  books.add_partition("a", 0);
  books.partition_at(0).admit(1, batches * size);
  books.admitted(batches * size);
  std::vector<origin> groups;
  for (std::uint64_t k = 0; k < batches; ++k) {
    std::vector<origin> members;
    for (std::uint64_t i = 0; i < size; ++i)
      members.emplace_back(0U, 1 + k * size + i);
    groups.push_back(books.group(std::move(members)));
    books.share(groups.back(), 2);
  }
  std::vector<std::thread> ways;
  for (const auto how : {outcome::filtered, outcome::acknowledged, outcome::dead_lettered})
    ways.emplace_back([&, how] {
      for (auto group : groups) {
        batched_settlement settlement{books, how};
        if (how == outcome::acknowledged)
          for (auto member : books.take_apart(group))
            settlement.add(member);
        else
          settlement.add(group);
      }
    });
  for (auto& one : ways)
    one.join();
  EXPECT_EQ(to_string(books.totals()),
            "admitted 100000 + replayed 0 = acknowledged 0 + filtered 0 + dropped 0 + "
            "dead-lettered 100000 + returned 0 + in flight 0");
  EXPECT_FALSE(books.settled_twice());
}

} // namespace
