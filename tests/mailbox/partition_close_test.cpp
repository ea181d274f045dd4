#include "../counting_waker.hpp"
#include "settling.hpp"

#include <weir/mailbox/partition.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

// What becomes of a partition that is closed: what is given back, what still comes of it, and how it becomes another.

namespace {

using settling::opening;
using settling::said;
using settling::settle;
using weir::outcome;
using weir::internal::partition;
using weir_test::counting_waker;

weir::internal::partition_opening with_outcomes(std::string name, std::uint64_t resume_after = 0) {
  auto how = opening(std::move(name), resume_after);
  how.keeps_outcomes = true;
  return how;
}

std::string close(partition& one) {
  one.begin_close();
  return said(one.give_back());
}

TEST(ClosedPartition, AdmitsNothingFromTheMomentItIsToBeClosed) {
  partition one{opening("file")};
  one.admit(1, 10);
  EXPECT_EQ(one.now_is(), partition::state::open);
  EXPECT_GT(one.room(), 0U);
  one.begin_close();
  EXPECT_EQ(one.now_is(), partition::state::closing);
  EXPECT_EQ(one.room(), 0U);
  EXPECT_EQ(settle(one, 1), "1 acknowledged") << "what is in flight is waited for";
  EXPECT_EQ(one.in_flight(), 9U);
  EXPECT_EQ(said(one.point()), "file 1");
  EXPECT_FALSE(one.quiet());
  one.give_back();
  EXPECT_EQ(one.now_is(), partition::state::closed);
  EXPECT_EQ(one.room(), 0U);
  one.begin_close();
  EXPECT_EQ(one.now_is(), partition::state::closed) << "it stays so";
}

TEST(ClosedPartition, IsQuietAtOnceIfAllWasSettled) {
  partition one{opening("file", 7)};
  EXPECT_FALSE(one.quiet());
  EXPECT_EQ(close(one), "file 7, 0 returned, quiet") << "there was nothing at all";
  EXPECT_TRUE(one.quiet());
  one.reopen(opening("other"));
  one.admit(1, 200);
  settle(one, {1, 200});
  EXPECT_EQ(close(one), "other 200, 0 returned, quiet");
  EXPECT_TRUE(one.quiet());
}

TEST(ClosedPartition, GivesBackWhatIsNotSettledAndSaysWhatIs) {
  auto how = opening("file", 10);
  how.from.epoch = 7;
  partition one{std::move(how)};
  one.admit(11, 5);
  one.admit(18, 200); // 16 and 17 are a gap
  settle(one, {11, 12});
  settle(one, 15);
  settle(one, {60, 130});
  settle(one, 217);
  one.begin_close();
  const auto done = one.give_back();
  EXPECT_EQ(said(done), "file 12 +15-17 +60-130 +217-217, 130 returned");
  EXPECT_EQ(done.settled.epoch, 7U);
  EXPECT_EQ(one.in_flight(), 0U);
  EXPECT_TRUE(one.at_rest());
}

TEST(ClosedPartition, GivesBackEveryPositionOfItsWindow) {
  for (const std::uint64_t resumed : {0U, 1U, 62U, 63U, 64U, 1'000'000U}) {
    partition one{opening("file", resumed)};
    const auto count = one.room();
    one.admit(resumed + 1, count);
    EXPECT_EQ(close(one),
              "file " + std::to_string(resumed) + ", " + std::to_string(count) + " returned");
    EXPECT_EQ(settle(one, {resumed + 1, resumed + count}), std::to_string(count) + " late, quiet");
    EXPECT_TRUE(one.quiet());
  }
}

TEST(ClosedPartition, KnowsAllThatWasSettledThoughItsWindowHasNotMoved) {
  partition one{opening("file")};
  one.admit(1, 300);
  settle(one, {1, 200});
  EXPECT_EQ(close(one), "file 200, 100 returned");
}

TEST(ClosedPartition, CountsAsLateWhatStillComesOfIt) {
  partition one{opening("file")};
  one.admit(1, 10);
  settle(one, {1, 4});
  EXPECT_EQ(close(one), "file 4, 6 returned");
  EXPECT_EQ(settle(one, 7, outcome::dead_lettered), "1 late");
  EXPECT_EQ(settle(one, {8, 10}, outcome::returned), "3 late");
  EXPECT_FALSE(one.quiet());
  EXPECT_EQ(settle(one, {5, 6}), "2 late, quiet") << "told once, by the last";
  EXPECT_TRUE(one.quiet());
}

TEST(ClosedPartition, HasAnItemThatWasCopiedComeLateOnceAndWithItsLastCopy) {
  partition one{opening("file")};
  one.admit(1, 3);
  one.share(1, 2); // none of whose copies has ended
  one.share(2, 2); // one of them
  one.share(3, 1); // all of them
  settle(one, 2);
  settle(one, 3);
  settle(one, 3);
  EXPECT_EQ(close(one), "file 0 +3-3, 2 returned");
  EXPECT_EQ(settle(one, 1), "not yet");
  EXPECT_EQ(settle(one, 2), "not yet");
  EXPECT_EQ(settle(one, 1), "not yet");
  EXPECT_FALSE(one.quiet()) << "a copy of each is on its way";
  EXPECT_EQ(settle(one, 2), "1 late");
  EXPECT_FALSE(one.quiet());
  one.share(1, 1); // what comes late may be copied, too
  EXPECT_EQ(settle(one, 1), "not yet");
  EXPECT_FALSE(one.quiet());
  EXPECT_EQ(settle(one, 1), "1 late, quiet");
  EXPECT_TRUE(one.quiet());
}

TEST(ClosedPartition, MayBeLeftByASettlementThatIsPartlyLate) {
  partition one{opening("file")};
  one.admit(1, 20);
  one.share(1, 1); // the block has shares
  EXPECT_EQ(settle(one, 1), "not yet");
  EXPECT_EQ(close(one), "file 0, 20 returned");
  EXPECT_EQ(settle(one, {1, 10}), "10 late");
  EXPECT_EQ(settle(one, {11, 20}), "10 late, quiet");
}

TEST(ClosedPartition, DoesNotSayAnyMoreHowFarItWasSettled) {
  auto how = opening("file", 10);
  how.from.epoch = 3;
  partition one{std::move(how)};
  one.admit(11, 10);
  settle(one, 12);
  close(one);
  EXPECT_EQ(said(one.point()), "file 0") << "what was given back isn't settled for the next life";
  EXPECT_EQ(one.point().epoch, 3U);
}

TEST(ClosedPartition, KnowsWhichOfItsItemsWereReturned) {
  partition one{with_outcomes("queue")};
  one.admit(1, 5);
  settle(one, 2, outcome::acknowledged);
  settle(one, 3, outcome::dead_lettered);
  one.share(4, 1);
  settle(one, 4, outcome::dropped);
  EXPECT_EQ(close(one), "queue 0 +2-3, 3 returned");
  EXPECT_EQ(one.outcome_of(1), outcome::returned);
  EXPECT_EQ(one.outcome_of(2), outcome::acknowledged);
  EXPECT_EQ(one.outcome_of(3), outcome::dead_lettered);
  EXPECT_EQ(one.outcome_of(4), outcome::returned) << "whatever became of one copy";
  EXPECT_EQ(settle(one, 4, outcome::dead_lettered), "1 late");
  EXPECT_EQ(settle(one, 1), "1 late");
  EXPECT_EQ(one.outcome_of(1), outcome::returned);
  EXPECT_EQ(one.outcome_of(4), outcome::returned) << "what is late changes nothing";
}

TEST(ClosedPartition, BecomesAnotherOneThatHasNothingOfIt) {
  for (const bool outcomes_before : {false, true})
    for (const bool outcomes_after : {false, true})
      // In the same block, in the same place of the window, and elsewhere.
      for (const std::uint64_t behind :
           {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{63}, std::uint64_t{100},
            partition::window, partition::window + 100, 3 * partition::window + 63}) {
        auto first = opening("first", 90);
        first.from.beyond = {{95, 300}};
        first.from.epoch = 5;
        first.key = 11;
        first.keeps_outcomes = outcomes_before;
        partition one{std::move(first)};
        one.admit(91, 400);
        one.share(92, 3);
        one.share(101, 1);
        settle(one, 101, outcome::dead_lettered);
        settle(one, {120, 400}, outcome::dropped);
        one.fence();
        close(one);
        for (int copy = 0; copy < 3; ++copy)
          settle(one, 92);
        settle(one, {91, 119});
        settle(one, {401, 490});
        ASSERT_TRUE(one.quiet());

        auto second = opening("second", behind);
        second.from.epoch = 9;
        second.key = 12;
        second.keeps_outcomes = outcomes_after;
        one.reopen(std::move(second));
        EXPECT_EQ(one.now_is(), partition::state::open);
        EXPECT_FALSE(one.fenced());
        EXPECT_FALSE(one.quiet());
        EXPECT_EQ(one.name(), "second");
        EXPECT_EQ(one.epoch(), 9U);
        EXPECT_EQ(one.key(), 12U);
        EXPECT_EQ(one.source(), nullptr);
        EXPECT_FALSE(one.any_settled_before());
        EXPECT_EQ(one.last_admitted(), behind);
        EXPECT_EQ(one.prefix(), behind);
        EXPECT_EQ(one.in_flight(), 0U);
        EXPECT_EQ(one.room(), partition::in_flight_max);
        EXPECT_EQ(said(one.point()), "second " + std::to_string(behind));

        const auto last = behind + partition::in_flight_max;
        one.admit(behind + 1, partition::in_flight_max);
        ASSERT_EQ(one.in_flight(), partition::in_flight_max) << "behind " << behind;
        ASSERT_EQ(said(one.point()), "second " + std::to_string(behind));
        for (auto position = behind + 1; position <= behind + 600; ++position) {
          ASSERT_EQ(one.shares_left(position), 1U) << position << " behind " << behind;
          if (outcomes_after) {
            ASSERT_EQ(one.outcome_of(position), std::nullopt);
          }
        }
        ASSERT_EQ(settle(one, {behind + 1, last}, outcome::filtered),
                  std::to_string(partition::in_flight_max) + " filtered")
            << "without the copies, and the graver ends, of the first";
        EXPECT_EQ(one.prefix(), last);
      }
}

TEST(ClosedPartition, MayBecomeAnotherOneAgainAndAgain) {
  partition one{opening("0")};
  for (std::uint64_t life = 0; life < 50; ++life) {
    const auto first = one.last_admitted() + 1;
    const auto last = first + 99 + life;
    one.admit(first, 100 + life);
    one.share(first + life, 1);
    settle(one, {first, first + 9});
    close(one);
    EXPECT_FALSE(one.quiet());
    settle(one, {first + 10, last});
    if (!one.quiet()) // its copy
      settle(one, first + life);
    ASSERT_TRUE(one.quiet()) << "life " << life;
    one.reopen(opening(std::to_string(life + 1), 37 * life));
    EXPECT_EQ(one.name(), std::to_string(life + 1));
    EXPECT_EQ(one.in_flight(), 0U);
  }
}

TEST(ClosedPartition, DoesNotWakeItsOldSourceForTheOneThatItBecomes) {
  partition one{opening("first")};
  counting_waker source;
  one.admit(1, 1);
  settle(one, 1);
  one.call_when_settled(source, 1);
  close(one);
  one.reopen(opening("second"));
  one.admit(1, 1);
  settle(one, 1);
  EXPECT_EQ(source.woken, 0);
}

TEST(ClosedPartitionDeathTest, IsGivenBackOnceAndOpenedAgainOnlyWhenItIsQuiet) {
  partition one{opening("file")};
  one.admit(1, 1);
  EXPECT_DEATH(one.give_back(), "it must be closing before it is given back");
  EXPECT_DEATH(one.reopen(opening("other")), "only when all of it has come back");
  one.begin_close();
  EXPECT_DEATH(one.reopen(opening("other")), "only when all of it has come back");
  one.give_back();
  EXPECT_DEATH(one.give_back(), "it must be closing before it is given back");
  EXPECT_DEATH(one.reopen(opening("other")), "only when all of it has come back");
}

} // namespace
