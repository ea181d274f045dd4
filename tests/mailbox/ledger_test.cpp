#include <weir/mailbox/ledger.hpp>

#include <limits>

#include <gtest/gtest.h>

namespace {

using weir::ledger_totals;

constexpr ledger_totals balanced{.admitted = 100,
                                 .replayed = 5,
                                 .acknowledged = 60,
                                 .filtered = 20,
                                 .dropped = 10,
                                 .dead_lettered = 8,
                                 .returned = 4,
                                 .in_flight = 3};

TEST(Ledger, OfNothingBalances) { EXPECT_TRUE(ledger_totals{}.balanced()); }

TEST(Ledger, BalancesWhenAllThatEnteredIsAccountedFor) {
  EXPECT_TRUE(balanced.balanced());
  EXPECT_EQ(balanced.imbalance(), 0U);
  EXPECT_EQ(balanced.entered(), 105U);
  EXPECT_EQ(balanced.settled(), 102U);
}

TEST(Ledger, EveryCountMatters) {
  for (const auto count : {&ledger_totals::admitted, &ledger_totals::replayed}) {
    auto totals = balanced;
    totals.*count += 3;
    EXPECT_EQ(totals.difference(), 3);
    EXPECT_EQ(totals.imbalance(), 3U);
    EXPECT_FALSE(totals.balanced());
  }
  for (const auto count :
       {&ledger_totals::acknowledged, &ledger_totals::filtered, &ledger_totals::dropped,
        &ledger_totals::dead_lettered, &ledger_totals::returned, &ledger_totals::in_flight}) {
    auto totals = balanced;
    totals.*count += 3;
    EXPECT_EQ(totals.difference(), -3);
    EXPECT_EQ(totals.imbalance(), 3U);
    EXPECT_FALSE(totals.balanced());
  }
}

TEST(Ledger, IsRightNearTheEndOfTheCounters) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_TRUE((ledger_totals{.admitted = most, .acknowledged = most}.balanced()));
  EXPECT_TRUE((ledger_totals{.admitted = most, .replayed = 2, .acknowledged = most, .in_flight = 2}
                   .balanced()));
  EXPECT_EQ((ledger_totals{.admitted = most, .acknowledged = most - 1}.difference()), 1);
}

TEST(Ledger, OfSeveralPipelinesIsTheirSum) {
  auto sum = balanced;
  sum += ledger_totals{.admitted = 1,
                       .replayed = 2,
                       .acknowledged = 3,
                       .filtered = 4,
                       .dropped = 5,
                       .dead_lettered = 6,
                       .returned = 8,
                       .in_flight = 7};
  EXPECT_EQ(sum, (ledger_totals{.admitted = 101,
                                .replayed = 7,
                                .acknowledged = 63,
                                .filtered = 24,
                                .dropped = 15,
                                .dead_lettered = 14,
                                .returned = 12,
                                .in_flight = 10}));
}

TEST(Ledger, PrintsItsSumsAndWhatIsWrongWithThem) {
  EXPECT_EQ(to_string(balanced),
            "admitted 100 + replayed 5 = acknowledged 60 + filtered 20 + dropped 10 + "
            "dead-lettered 8 + returned 4 + in flight 3");
  EXPECT_EQ(to_string(ledger_totals{.admitted = 1}),
            "admitted 1 + replayed 0 ≠ acknowledged 0 + filtered 0 + dropped 0 + dead-lettered 0 + "
            "returned 0 + in flight 0 "
            "(1 item is not accounted for)");
  EXPECT_EQ(to_string(ledger_totals{.acknowledged = 2}),
            "admitted 0 + replayed 0 ≠ acknowledged 2 + filtered 0 + dropped 0 + dead-lettered 0 + "
            "returned 0 + in flight 0 "
            "(2 items are counted twice)");
}

} // namespace
