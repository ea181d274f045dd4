#include "../counting_waker.hpp"

#include <weir/supervision/suspects.hpp>

#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using guest = weir_test::counting_waker;

TEST(Suspects, LetOthersInTogether) {
  weir::internal::suspects all;
  guest a, b;
  EXPECT_TRUE(all.enter(false, a));
  EXPECT_TRUE(all.enter(false, b));
  EXPECT_TRUE(all.enter(false, a)) << "one may have several in hand";
}

TEST(Suspects, KeepEverybodyOutWhileOneIsAlone) {
  weir::internal::suspects all;
  guest a, b, c;
  EXPECT_TRUE(all.enter(true, a));
  EXPECT_FALSE(all.enter(false, b));
  EXPECT_FALSE(all.enter(true, c));
  EXPECT_FALSE(all.enter(false, a));
  all.leave();
  EXPECT_EQ(b.woken, 1);
  EXPECT_EQ(c.woken, 1);
}

TEST(Suspects, WaitUntilTheyAreAlone) {
  weir::internal::suspects all;
  guest a, b, c;
  EXPECT_TRUE(all.enter(false, a));
  EXPECT_TRUE(all.enter(false, b));
  EXPECT_FALSE(all.enter(true, c));
  all.leave();
  EXPECT_EQ(c.woken, 0) << "one is still inside";
  all.leave();
  EXPECT_EQ(c.woken, 1);
  EXPECT_TRUE(all.enter(true, c));
}

TEST(Suspects, AreNotOvertakenForEver) {
  weir::internal::suspects all;
  guest a, b, c;
  EXPECT_TRUE(all.enter(false, a));
  EXPECT_FALSE(all.enter(true, b));
  EXPECT_FALSE(all.enter(false, c)) << "somebody waits to be alone";
  all.leave();
  EXPECT_TRUE(all.enter(true, b));
  all.leave();
  EXPECT_GE(c.woken, 1);
  EXPECT_TRUE(all.enter(false, c));
}

TEST(Suspects, HoldUpNobodyOnceTheyWithdraw) {
  weir::internal::suspects all;
  guest a, b, c;
  EXPECT_TRUE(all.enter(false, a));
  EXPECT_FALSE(all.enter(true, b));
  EXPECT_FALSE(all.enter(false, c));
  all.withdraw(b);
  EXPECT_EQ(c.woken, 1);
  EXPECT_TRUE(all.enter(false, c));
  all.leave();
  all.leave();
  EXPECT_EQ(b.woken, 0);
}

TEST(Suspects, HoldUpNobodyOnceTheyWorkBesideOthers) {
  weir::internal::suspects all;
  guest a, b, c;
  EXPECT_TRUE(all.enter(false, a));
  EXPECT_FALSE(all.enter(true, b));
  EXPECT_TRUE(all.enter(false, b)) << "another item of the same worker";
  EXPECT_TRUE(all.enter(false, c));
}

weir::internal::suspect known(std::uint64_t first, std::uint64_t last, std::uint32_t deaths = 1) {
  weir::internal::suspect one{.stage = 1, .partition = 2, .first = first, .last = last};
  one.deaths = deaths;
  return one;
}

TEST(Suspects, AreGoneOnceTheyAreSettled) {
  weir::internal::suspects all;
  all.set({known(3, 5), known(8, 8)});
  EXPECT_FALSE(all.remain()) << "nobody reads that partition yet";
  all.watch(1, 2, 0);
  EXPECT_TRUE(all.remain());
  all.settled(2, 4);
  EXPECT_TRUE(all.at(1, 2, 5));
  all.settled(2, 7);
  EXPECT_FALSE(all.at(1, 2, 5));
  EXPECT_TRUE(all.remain());
  all.settled(9, 100);
  EXPECT_TRUE(all.at(1, 2, 8)) << "that was another partition";
  all.settled(2, 8);
  EXPECT_FALSE(all.remain());
}

TEST(Suspects, AreWatchedOnceHoweverOftenTheirPartitionIsOpened) {
  weir::internal::suspects all;
  all.set({known(3, 5), known(8, 8)});
  all.watch(1, 2, 0);
  all.watch(1, 2, 0);
  EXPECT_TRUE(all.at(1, 2, 3));
  all.gone(2, 8);
  all.settled(2, 5);
  EXPECT_FALSE(all.remain());
}

TEST(Suspects, ComeAgainWhereTheirPartitionIsOpenedBehindAnEarlierPosition) {
  weir::internal::suspects all;
  all.set({known(3, 5), known(8, 8)});
  all.watch(1, 2, 0);
  all.settled(2, 8);
  EXPECT_FALSE(all.remain());
  all.watch(1, 2, 4); // so much was stored
  EXPECT_FALSE(all.at(1, 2, 4));
  EXPECT_TRUE(all.at(1, 2, 5) && all.at(1, 2, 8));
  EXPECT_EQ(all.left(true), (std::vector{known(5, 5), known(8, 8)}))
      << "they are not settled again";
  all.settled(2, 6);
  EXPECT_EQ(all.left(true), (std::vector{known(8, 8)}));
}

TEST(Suspects, AreFewerWhereTheirPartitionIsOpenedBehindALaterPosition) {
  weir::internal::suspects all;
  all.set({known(3, 5), known(8, 8)});
  all.watch(1, 2, 0);
  all.watch(1, 2, 5);
  EXPECT_FALSE(all.at(1, 2, 5));
  EXPECT_TRUE(all.at(1, 2, 8));
  all.watch(1, 2, 9);
  EXPECT_FALSE(all.remain());
  EXPECT_TRUE(all.left(false).empty());
}

TEST(Suspects, OfAClosedPartitionHoldUpNobodyAndAreRemembered) {
  weir::internal::suspects all;
  all.set({known(3, 5), known(8, 8)});
  all.watch(1, 2, 0);
  all.settled(2, 4);
  all.closed(9);
  EXPECT_TRUE(all.remain()) << "that was another partition";
  all.closed(2);
  EXPECT_FALSE(all.remain());
  EXPECT_EQ(all.left(true), (std::vector{known(5, 5), known(8, 8)}));
  EXPECT_EQ(all.left(false), (std::vector{known(3, 5), known(8, 8)}));
}

TEST(Suspects, AreWatchedByAnyThreadWhileOthersAsk) {
  std::vector<weir::internal::suspect> kept;
  for (std::uint64_t partition = 1; partition <= 4; ++partition) {
    kept.push_back(known(7, 7));
    kept.back().partition = partition;
  }
  weir::internal::suspects all;
  all.set(kept);
  std::vector<std::jthread> threads;
  for (std::uint64_t partition = 1; partition <= 4; ++partition)
    threads.emplace_back([&all, partition] {
      for (int k = 0; k < 500; ++k) {
        all.watch(1, partition, 0);
        EXPECT_TRUE(all.remain());
        EXPECT_TRUE(all.at(1, partition, 7));
        all.settled(partition, 7);
        EXPECT_FALSE(all.at(1, partition, 7));
      }
    });
  threads.clear();
  EXPECT_FALSE(all.remain());
}

TEST(Suspects, AreKnownAtOtherStagesOnlyByTheirDeaths) {
  weir::internal::suspects all;
  auto failed = known(4, 4, 0);
  failed.failures = 2;
  all.set({known(3, 3), failed});
  all.watch(1, 2, 0);
  EXPECT_TRUE(all.any_at(2, 3));
  EXPECT_FALSE(all.any_at(2, 4)) << "it has only failed";
  EXPECT_FALSE(all.at(7, 2, 3));
  EXPECT_TRUE(all.at(1, 2, 4));
}

TEST(Suspects, KeysTellNamesApart) {
  EXPECT_NE(weir::internal::flight_key("a", "bc"), weir::internal::flight_key("ab", "c"));
  EXPECT_NE(weir::internal::flight_key("a", "b"), weir::internal::flight_key("b", "a"));
  EXPECT_NE(weir::internal::flight_key("", ""), 0U);
}

TEST(Suspects, OfPositionsThatMeanSomethingElseNowAreForgotten) {
  constexpr std::uint64_t stage = 1, passing = 2, lasting = 3;
  weir::internal::suspects all;
  all.set({{.stage = stage, .partition = passing, .first = 5, .last = 5, .deaths = 3},
           {.stage = stage, .partition = lasting, .first = 5, .last = 5, .deaths = 3}});
  all.begins_anew(passing);
  all.watch(stage, passing, 0);
  all.watch(stage, lasting, 0);
  EXPECT_FALSE(all.at(stage, passing, 5)) << "an item that did nothing";
  EXPECT_TRUE(all.at(stage, lasting, 5));
  EXPECT_EQ(all.left(true).size(), 1U) << "nor has the next life to know of it";
}

} // namespace
