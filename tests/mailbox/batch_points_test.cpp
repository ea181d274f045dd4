#include "settling.hpp"

#include <weir/mailbox/batch_points.hpp>
#include <weir/mailbox/origin_group.hpp>
#include <weir/mailbox/partition_table.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using settling::opening;
using settling::said;
using settling::settle;
using weir::internal::batch_points;
using weir::internal::origin;

class BatchPoints : public testing::Test {
protected:
  BatchPoints() {
    for (const auto* name : {"a", "b", "replay"}) {
      auto how = opening(name, 10);
      how.from.epoch = 7;
      all_.at(all_.open(std::move(how))).admit(11, 100);
    }
  }

  /// What a sink stores with the rows of these origins, but for those that it rejected: "a 12 +15-15, b 11".
  std::string points(const std::vector<origin>& members,
                     const std::vector<std::size_t>& rejected = {},
                     std::optional<std::size_t> rows = {}) {
    std::string text;
    for (const auto& one :
         batch_points{all_, replay, members, rows.value_or(members.size())}.without(rejected)) {
      EXPECT_EQ(one.epoch, 7U);
      text += (text.empty() ? "" : ", ") + said(one);
    }
    return text;
  }
  static origin a(std::uint64_t position) { return {0, position}; }
  static origin b(std::uint64_t position) { return {1, position}; }

  static constexpr std::uint32_t replay = 2;
  weir::internal::partition_table all_;
};

TEST_F(BatchPoints, OfNoBatchAreNone) {
  EXPECT_TRUE(batch_points{}.without({}).empty());
  EXPECT_EQ(points({}), "");
  EXPECT_EQ(points({origin{}}), "") << "a row that belongs to no position";
}

TEST_F(BatchPoints, AddTheRowsToWhatIsSettled) {
  settle(all_.at(0), 11);
  settle(all_.at(0), 14);
  EXPECT_EQ(points({a(12)}), "a 12 +14-14");
  EXPECT_EQ(points({a(13), a(12)}), "a 14") << "in whatever order";
  EXPECT_EQ(points({a(20), a(13), a(22), a(21), a(15)}), "a 11 +13-15 +20-22");
  EXPECT_EQ(all_.at(0).prefix(), 11U) << "asking settles nothing";
}

TEST_F(BatchPoints, AreThoseOfThePartitionsOfItsRowsOnly) {
  settle(all_.at(1), {11, 12});
  EXPECT_EQ(points({a(11), a(12)}), "a 12");
  EXPECT_EQ(points({b(13), a(11), origin{}, b(15), a(13)}), "a 11 +13-13, b 13 +15-15");
}

TEST_F(BatchPoints, LeaveOpenWhatWasRejected) {
  const std::vector batch{a(13), a(11), b(11), a(12)};
  EXPECT_EQ(points(batch), "a 13, b 11");
  EXPECT_EQ(points(batch, {0}), "a 12, b 11");
  EXPECT_EQ(points(batch, {1, 2}), "a 10 +12-13, b 10");
  EXPECT_EQ(points(batch, {0, 1, 2, 3}), "a 10, b 10");
  const batch_points made{all_, replay, batch, batch.size()};
  EXPECT_EQ(said(made.without(std::vector<std::size_t>{3}).front()), "a 11 +13-13");
  EXPECT_EQ(said(made.without({}).front()), "a 13") << "they may be asked several times";
}

TEST_F(BatchPoints, DoNotSayThatAnItemIsSettledOfWhichACopyIsOnItsWay) {
  all_.at(0).share(11, 2); // three
  EXPECT_EQ(points({a(11), a(12)}), "a 10 +12-12");
  EXPECT_EQ(points({a(11), a(11), a(12)}), "a 10 +12-12");
  EXPECT_EQ(points({a(11), a(12), a(11), a(11)}), "a 12") << "the batch has them all";
  EXPECT_EQ(points({a(11), a(12), a(11), a(11)}, {2}), "a 10 +12-12") << "one was rejected";
  settle(all_.at(0), 11);
  settle(all_.at(0), 11);
  EXPECT_EQ(points({a(11), a(12)}), "a 12") << "the others have ended";
}

TEST_F(BatchPoints, LeaveTheFirstRowsOpenWhereAStageHasChangedTheBatch) {
  const std::vector batch{a(12), a(11), a(13), a(14)};
  EXPECT_EQ(points(batch, {}, 2), "a 14");
  EXPECT_EQ(points(batch, {1}, 2), "a 11 +13-14") << "whichever row it was, one item stays open";
  EXPECT_EQ(points(batch, {0, 1}, 2), "a 10 +13-14");
  EXPECT_EQ(points(batch, {0, 1, 2, 3, 4, 5}, 6), "a 10") << "there may be more rows than items";
}

TEST_F(BatchPoints, HaveNothingOfWhatWasReplayedNorOfBatchesInABatch) {
  weir::internal::origin_group inner{{a(11), a(12)}};
  EXPECT_EQ(points({{replay, 11}, {replay, 12}}), "");
  EXPECT_EQ(points({origin{&inner}}), "");
  EXPECT_EQ(points({{replay, 11}, a(11), origin{&inner}, b(11)}), "a 11, b 11");
  EXPECT_EQ(points({{replay, 11}, a(11), origin{&inner}, b(11)}, {1}), "a 10, b 11")
      << "rows are counted with those";
}

TEST_F(BatchPoints, SayOfAPartitionThatWasGivenBackItsRowsOnly) {
  settle(all_.at(0), {11, 20});
  EXPECT_EQ(points({a(21), a(22), b(11)}), "a 22, b 11");
  all_.at(0).begin_close();
  EXPECT_EQ(points({a(21), a(22), b(11)}), "a 22, b 11") << "not yet";
  all_.at(0).give_back();
  EXPECT_EQ(points({a(21), a(22), a(24), b(11)}), "a 0 +21-22 +24-24, b 11");
  EXPECT_EQ(points({a(21), a(22), a(24), b(11)}, {1}), "a 0 +21-21 +24-24, b 11");
}

// Not yet: shares_left answers 0 for whatever was given back.
TEST_F(BatchPoints, SayOfAPartitionThatWasGivenBackNoItemOfWhichACopyIsOnItsWay) {
  all_.at(0).share(11, 1);
  EXPECT_EQ(points({a(11), a(12)}), "a 10 +12-12");
  all_.at(0).begin_close();
  all_.at(0).give_back();
  EXPECT_EQ(points({a(11), a(12)}), "a 0 +12-12");
  EXPECT_EQ(points({a(11), a(12), a(11)}), "a 0 +11-12") << "the batch has them both";
  settle(all_.at(0), 11);
  EXPECT_EQ(points({a(11), a(12)}), "a 0 +11-12") << "the other one has come";
}

TEST_F(BatchPoints, SayWhatHeldWhenTheyWereMade) {
  settle(all_.at(0), 11);
  const std::vector batch{a(12)};
  const batch_points made{all_, replay, batch, 1};
  settle(all_.at(0), {12, 20});
  EXPECT_EQ(said(made.without({}).front()), "a 12");
  all_.at(0).begin_close();
  all_.at(0).give_back();
  EXPECT_EQ(said(made.without({}).front()), "a 12");
}

/// Batches of any items, some copied, against a set.
TEST(BatchPointsModel, SayWhatASetOfSettledPositionsSays) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random{seed};
    const auto up_to = [&](std::size_t most) {
      return std::uniform_int_distribution<std::size_t>{0, most}(random);
    };
    weir::internal::partition_table all;
    const std::uint64_t resumed = up_to(200);
    auto& from = all.at(all.open(opening("a", resumed)));
    const auto last = resumed + 1 + up_to(300);
    from.admit(resumed + 1, last - resumed);
    std::vector<origin> ways; // a copy each
    for (auto position = resumed + 1; position <= last; ++position) {
      const auto more = up_to(5) == 0 ? static_cast<std::uint32_t>(up_to(2)) : 0U;
      from.share(position, more);
      ways.insert(ways.end(), 1 + more, origin{0, position});
    }
    if (seed % 2 == 0)
      std::ranges::shuffle(ways, random);
    const auto size = up_to(std::min<std::size_t>(ways.size(), 80));
    const std::vector<origin> batch{ways.begin(), ways.begin() + static_cast<std::ptrdiff_t>(size)};
    ways.erase(ways.begin(), ways.begin() + static_cast<std::ptrdiff_t>(size));
    std::ranges::shuffle(ways, random);
    for (auto ends = up_to(ways.size()); ends > 0; --ends) {
      settle(from, ways.back().position());
      ways.pop_back();
    }
    if (up_to(1) == 0)
      (void)from.prefix();
    std::vector<std::size_t> rejected;
    for (std::size_t k = 0; k < size; ++k)
      if (up_to(4) == 0)
        rejected.push_back(k);

    // Open is what has a copy elsewhere, or a row that was rejected.
    std::set<std::uint64_t> open;
    for (const auto one : ways)
      open.insert(one.position());
    for (const auto k : rejected)
      open.insert(batch[k].position());
    const auto points = batch_points{all, 1, batch, size}.without(rejected);
    ASSERT_EQ(points.size(), size == 0 ? 0U : 1U);
    for (auto position = resumed; size > 0 && position <= last + 100; ++position)
      ASSERT_EQ(is_settled(points.front(), position), position <= last && !open.contains(position))
          << position << ", seed " << seed;
  }
}

} // namespace
