#include "../counting_waker.hpp"
#include "settling.hpp"

#include <weir/mailbox/partition.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using settling::opening;
using settling::said;
using settling::settle;
using weir::outcome;
using weir::internal::partition;
using weir_test::counting_waker;

TEST(Partition, GoesOnWhereAnEarlierLifeWasSettled) {
  for (const std::uint64_t resumed : {0U, 1U, 62U, 63U, 64U, 65U, 127U, 128U, 1'000'000U}) {
    partition one{opening("file", resumed)};
    EXPECT_EQ(one.prefix(), resumed);
    EXPECT_EQ(one.last_admitted(), resumed);
    EXPECT_EQ(one.in_flight(), 0U);
    EXPECT_EQ(one.room(), partition::in_flight_max);
    one.admit(resumed + 1, 3);
    EXPECT_EQ(one.in_flight(), 3U);
    EXPECT_EQ(settle(one, resumed + 1), "1 acknowledged");
    EXPECT_EQ(settle(one, resumed + 3), "1 acknowledged");
    EXPECT_EQ(one.prefix(), resumed + 1);
    EXPECT_EQ(settle(one, resumed + 2), "1 acknowledged");
    EXPECT_EQ(one.prefix(), resumed + 3);
  }
}

TEST(Partition, TakesTheGapBeforeAnItemForSettled) {
  for (const std::uint64_t first : {2U, 63U, 64U, 65U, 66U, 128U, 129U, 1000U}) {
    partition one{opening("topic")};
    one.admit(first, 2);
    EXPECT_EQ(one.in_flight(), 2U);
    EXPECT_EQ(one.prefix(), first - 1) << "nothing was there";
    settle(one, first);
    const auto behind = first + 100'000;
    ASSERT_TRUE(one.reaches(behind));
    one.admit(behind, 1);
    EXPECT_EQ(one.prefix(), first);
    settle(one, first + 1);
    EXPECT_EQ(one.prefix(), behind - 1);
    EXPECT_EQ(one.in_flight(), 1U);
  }
}

TEST(Partition, SettlesARunOfNeighboursAtOnce) {
  partition one{opening("file")};
  one.admit(1, 200);
  EXPECT_EQ(said(one.settle(64, ~std::uint64_t{0}, outcome::acknowledged)), "64 acknowledged");
  EXPECT_EQ(said(one.settle(0, ~std::uint64_t{1}, outcome::filtered)), "63 filtered")
      << "0 was settled before";
  EXPECT_EQ(one.prefix(), 127U);
  EXPECT_EQ(one.in_flight(), 73U);
}

TEST(Partition, ReportsWhatIsSettledTwice) {
  partition one{opening("file")};
  one.admit(1, 10);
  EXPECT_EQ(settle(one, 3), "1 acknowledged");
  EXPECT_EQ(settle(one, 3), "twice");
  EXPECT_EQ(settle(one, 4), "1 acknowledged") << "and goes on";
  one.share(5, 1);
  EXPECT_EQ(settle(one, 5), "not yet");
  EXPECT_EQ(settle(one, 5), "1 acknowledged");
  EXPECT_EQ(settle(one, 5), "twice");
  EXPECT_EQ(settle(one, 4), "twice") << "also beside one that had shares";
}

TEST(Partition, SettlesACopiedItemWithTheLastCopyAndTheGravestEnding) {
  constexpr std::array all{outcome::filtered, outcome::acknowledged, outcome::dropped,
                           outcome::dead_lettered, outcome::returned};
  constexpr std::array settled_as{"1 filtered", "1 acknowledged", "1 dropped", "1 dead-lettered",
                                  "1 returned"};
  partition one{opening("file")};
  std::uint64_t position = 0;
  for (std::size_t a = 0; a < all.size(); ++a)
    for (std::size_t b = 0; b < all.size(); ++b)
      for (std::size_t c = 0; c < all.size(); ++c) {
        one.admit(++position, 1);
        one.share(position, 1); // two copies, of which one is copied again
        one.share(position, 1);
        EXPECT_EQ(settle(one, position, all[a]), "not yet");
        EXPECT_EQ(settle(one, position, all[b]), "not yet");
        EXPECT_EQ(one.prefix(), position - 1);
        EXPECT_EQ(settle(one, position, all[c]), settled_as[std::max({a, b, c})]);
        EXPECT_EQ(one.prefix(), position);
      }
}

TEST(Partition, ForgetsTheCopiesOfAWindowAgo) {
  partition one{opening("file")};
  for (std::uint64_t first = 1; first < 4 * partition::window; first += 64) {
    one.admit(first, 64);
    for (std::uint64_t k = 0; k < 64; ++k) {
      const bool copied =
          first % partition::window < 640 && (k == 7 || k == first / partition::window);
      if (copied)
        one.share(first + k, 3);
      for (int copy = 0; copied && copy < 3; ++copy)
        ASSERT_EQ(settle(one, first + k, outcome::dead_lettered), "not yet");
      ASSERT_EQ(settle(one, first + k, outcome::filtered),
                copied ? "1 dead-lettered" : "1 filtered");
    }
    ASSERT_EQ(one.prefix(), first + 63);
  }
}

TEST(Partition, HasNoRoomWhileTheOldestOfAWindowIsPending) {
  partition one{opening("file")};
  for (int round = 0; round < 5; ++round) { // several times around the window
    const auto oldest = one.last_admitted() + 1;
    one.admit(oldest, one.room());
    EXPECT_EQ(one.room(), 0U);
    for (auto position = oldest + 1; position <= one.last_admitted(); ++position)
      settle(one, position);
    EXPECT_EQ(one.room(), 0U);
    EXPECT_EQ(one.prefix(), oldest - 1);
    EXPECT_EQ(one.in_flight(), 1U);
    settle(one, oldest);
    EXPECT_EQ(one.room(), partition::in_flight_max);
    EXPECT_EQ(one.prefix(), oldest + partition::in_flight_max - 1);
  }
}

TEST(Partition, KeepsEverythingThatItsWindowReaches) {
  partition one{opening("topic")};
  for (int round = 0; round < 5; ++round) {
    const auto oldest = one.last_admitted() + 1;
    one.admit(oldest, partition::in_flight_max - 1);
    auto behind = one.last_admitted() + 1;
    while (one.reaches(behind + 1))
      ++behind;
    EXPECT_GT(behind - oldest, partition::window - 128);
    one.admit(behind, 1);
    EXPECT_EQ(one.room(), 0U);
    EXPECT_EQ(one.in_flight(), partition::in_flight_max);
    settle(one, behind);
    for (auto position = oldest + partition::in_flight_max - 2; position >= oldest; --position) {
      ASSERT_EQ(one.prefix_with({}), oldest - 1);
      ASSERT_EQ(settle(one, position), "1 acknowledged");
    }
    EXPECT_EQ(one.prefix(), behind);
    EXPECT_EQ(one.in_flight(), 0U);
  }
}

TEST(Partition, BeginsAnewBehindAGapThatIsWiderThanItsWindow) {
  partition one{opening("topic")};
  std::uint64_t position = 1;
  for (const std::uint64_t gap :
       {std::uint64_t{63}, std::uint64_t{64}, partition::window - 1, partition::window,
        partition::window + 1, 10 * partition::window + 37, std::uint64_t{1} << 40U}) {
    one.admit(position, 100);
    one.share(position + 50, 1);
    for (auto k = position; k < position + 100; ++k)
      settle(one, k);
    settle(one, position + 50);
    ASSERT_EQ(one.prefix(), position + 99);
    position += 99 + gap;
    one.jump_to(position);
    EXPECT_EQ(one.prefix(), position - 1);
    EXPECT_EQ(one.prefix_with({}), position - 1);
    EXPECT_EQ(one.in_flight(), 0U);
    EXPECT_EQ(one.room(), partition::in_flight_max);
  }
}

TEST(Partition, WakesASourceThatHasNoRoomOnceSomethingIsSettled) {
  partition one{opening("file")};
  counting_waker source;
  one.admit(1, partition::in_flight_max);
  settle(one, 5);
  EXPECT_EQ(source.woken, 0) << "it does not wait";
  EXPECT_TRUE(one.call_when_there_is_room(source));
  settle(one, 6);
  EXPECT_EQ(source.woken, 1);
  settle(one, 7);
  EXPECT_EQ(source.woken, 1) << "once";
  EXPECT_TRUE(one.call_when_there_is_room(source)) << "still no room: 1 is pending";
  settle(one, 1);
  EXPECT_EQ(source.woken, 2);
  EXPECT_FALSE(one.call_when_there_is_room(source)) << "there is room";
  one.share(2, 1);
  one.admit(one.last_admitted() + 1, one.room());
  EXPECT_TRUE(one.call_when_there_is_room(source));
  settle(one, 2);
  settle(one, 2);
  EXPECT_GE(source.woken, 3) << "also by the last share of a copied item";
}

TEST(Partition, WakesASourceWhoseNextItemIsOutOfReachOnceNothingIsInFlight) {
  partition one{opening("topic")};
  counting_waker source;
  one.admit(1, 2);
  const auto far = 2 * partition::window;
  EXPECT_FALSE(one.reaches(far));
  EXPECT_TRUE(one.call_when_there_is_room(source, far)) << "though there is room";
  settle(one, 1);
  EXPECT_EQ(source.woken, 1);
  EXPECT_TRUE(one.call_when_there_is_room(source, far));
  settle(one, 2);
  EXPECT_EQ(source.woken, 2);
  EXPECT_FALSE(one.call_when_there_is_room(source, far));
  one.jump_to(far);
  EXPECT_TRUE(one.reaches(far));
  one.admit(far, 1);
  EXPECT_EQ(one.in_flight(), 1U);
}

TEST(Partition, WakesItsSourceOnceSoManyAreSettled) {
  partition one{opening("file")};
  counting_waker source;
  one.admit(1, 200);
  one.call_when_settled(source, 10);
  settle(one, {1, 9});
  EXPECT_EQ(source.woken, 0);
  settle(one, 50);
  EXPECT_EQ(source.woken, 1) << "in whatever order";
  settle(one, {10, 30});
  EXPECT_EQ(source.woken, 1) << "once";
  one.call_when_settled(source, 10);
  settle(one, {64, 127});
  EXPECT_EQ(source.woken, 2) << "also by many more at once";
}

TEST(Partition, WakesASourceThatWaitsForSeveralThingsForTheFirst) {
  partition one{opening("file")};
  counting_waker source;
  one.admit(1, 200);
  one.call_when_settled(source, 100);
  settle(one, {1, 5});
  one.call_when_settled(source, 2);
  one.call_when_settled(source, 50);
  settle(one, 6);
  EXPECT_EQ(source.woken, 0);
  settle(one, 7);
  EXPECT_EQ(source.woken, 1);
  one.call_when_settled(source, 1000);
  settle(one, {8, 107});
  EXPECT_EQ(source.woken, 1) << "the earlier counts are forgotten once it is woken";
}

TEST(Partition, CountsAnItemAsSettledForASinkOnlyIfTheSinkHasAllThatIsLeftOfIt) {
  partition one{opening("file")};
  one.admit(1, 3);
  one.share(2, 2); // three copies
  const auto prefix_with = [&](std::vector<std::uint64_t> batch) { return one.prefix_with(batch); };
  EXPECT_EQ(prefix_with({}), 0U);
  EXPECT_EQ(prefix_with({1}), 1U);
  EXPECT_EQ(prefix_with({1, 2}), 1U) << "two copies are on their way elsewhere";
  EXPECT_EQ(prefix_with({1, 2, 2}), 1U);
  EXPECT_EQ(prefix_with({1, 2, 2, 2}), 2U);
  EXPECT_EQ(prefix_with({1, 2, 2, 2, 3}), 3U);
  EXPECT_EQ(prefix_with({2, 2, 2, 3}), 0U);
  settle(one, 2);
  settle(one, 2);
  EXPECT_EQ(prefix_with({1, 2}), 2U) << "the others have ended";
  EXPECT_EQ(prefix_with({1, 1, 2, 3}), 3U);
  EXPECT_EQ(one.prefix(), 0U) << "asking changes nothing";
}

/// The positions up to `last` that were settled before, as its source asks.
std::string settled_before(partition& one, std::uint64_t from, std::uint64_t last) {
  std::string text;
  for (auto position = from; position <= last; ++position)
    if (one.settled_before(position))
      text += (text.empty() ? "" : " ") + std::to_string(position);
  return text;
}

TEST(Partition, KnowsWhatEarlierLivesSettledBeyondWhereItGoesOn) {
  partition none{opening("file", 10)};
  EXPECT_FALSE(none.any_settled_before());
  EXPECT_EQ(settled_before(none, 11, 30), "");

  const auto opened = [] {
    auto how = opening("file", 10);
    how.from.beyond = {{12, 14}, {16, 16}, {20, 21}};
    return how;
  };
  partition one{opened()};
  EXPECT_TRUE(one.any_settled_before());
  EXPECT_EQ(settled_before(one, 11, 19), "12 13 14 16");
  EXPECT_TRUE(one.any_settled_before());
  EXPECT_EQ(settled_before(one, 20, 40), "20 21");
  EXPECT_FALSE(one.any_settled_before());
  EXPECT_EQ(one.prefix(), 10U) << "asking changes nothing";

  partition other{opened()};
  EXPECT_TRUE(other.settled_before(13)) << "also if ranges and parts of them are left out";
  EXPECT_TRUE(other.settled_before(21));
  EXPECT_FALSE(other.settled_before(22));
  EXPECT_FALSE(other.any_settled_before());
}

TEST(Partition, SaysWhatIsSettledBeyondTheFirstThatIsNot) {
  auto how = opening("file", 10);
  how.from.epoch = 7;
  partition one{std::move(how)};
  EXPECT_EQ(one.point(), (weir::partition_point{"file", 10, {}, 7}));
  one.admit(11, 5);
  one.admit(18, 200); // 16 and 17 are a gap
  EXPECT_EQ(said(one.point()), "file 10 +16-17");
  settle(one, 13);
  settle(one, {60, 130});
  settle(one, 217);
  EXPECT_EQ(said(one.point()), "file 10 +13-13 +16-17 +60-130 +217-217");
  settle(one, {14, 15});
  settle(one, {11, 12});
  EXPECT_EQ(said(one.point()), "file 17 +60-130 +217-217") << "though the window has not moved";
  EXPECT_EQ(one.prefix(), 17U);
  EXPECT_EQ(said(one.point()), "file 17 +60-130 +217-217");
  one.share(18, 1);
  settle(one, 18);
  EXPECT_EQ(said(one.point()), "file 17 +60-130 +217-217") << "a copy is on its way";
  settle(one, 18);
  settle(one, {19, 59});
  settle(one, {131, 216});
  EXPECT_EQ(said(one.point()), "file 217");
}

TEST(Partition, TellsHowItsItemsEndedWhereOutcomesAreKept) {
  auto how = opening("queue", 5);
  how.keeps_outcomes = true;
  partition one{std::move(how)};
  EXPECT_EQ(one.outcome_of(6), std::nullopt);
  one.admit(6, 100);
  constexpr std::array all{outcome::filtered, outcome::acknowledged, outcome::dropped,
                           outcome::dead_lettered, outcome::returned};
  for (std::uint64_t k = 0; k < all.size(); ++k) {
    settle(one, 60 + k, all[k]);
    EXPECT_EQ(one.outcome_of(60 + k), all[k]);
  }
  EXPECT_EQ(one.outcome_of(59), std::nullopt);
  EXPECT_EQ(one.outcome_of(65), std::nullopt);
  one.share(70, 1);
  settle(one, 70, outcome::dead_lettered);
  EXPECT_EQ(one.outcome_of(70), std::nullopt) << "a copy is on its way";
  settle(one, 70, outcome::acknowledged);
  EXPECT_EQ(one.outcome_of(70), outcome::dead_lettered) << "the gravest";
  EXPECT_EQ(settle(one, 61), "twice");
}

TEST(Partition, ForgetsTheOutcomesOfAWindowAgo) {
  auto how = opening("queue");
  how.keeps_outcomes = true;
  partition one{std::move(how)};
  for (std::uint64_t first = 1; first < 2 * partition::window; first += 64) {
    one.admit(first, 64);
    ASSERT_EQ(one.outcome_of(first), std::nullopt);
    ASSERT_EQ(one.outcome_of(first + 63), std::nullopt);
    const auto as = first < partition::window ? outcome::dropped : outcome::filtered;
    settle(one, {first, first + 63}, as);
    ASSERT_EQ(one.outcome_of(first), as);
    ASSERT_EQ(one.prefix(), first + 63);
  }
}

} // namespace
