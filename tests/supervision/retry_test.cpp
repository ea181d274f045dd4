#include <weir/supervision/retry.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ostream>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using weir::backoff;
using weir::failure_kind;
using weir::internal::answer;
using weir::internal::answer_to;

struct answer_case {
  failure_kind kind;
  std::uint32_t attempts; // of the 3 that there are
  answer expected;
};

std::ostream& operator<<(std::ostream& out, const answer_case& one) {
  return out << to_string(one.kind) << " after " << one.attempts;
}

class Retry : public testing::TestWithParam<answer_case> {};
INSTANTIATE_TEST_SUITE_P(
    Table, Retry,
    testing::Values(answer_case{failure_kind::transient, 1, answer::retry},
                    answer_case{failure_kind::transient, 2, answer::retry},
                    answer_case{failure_kind::transient, 3, answer::dead_letter},
                    answer_case{failure_kind::transient, 4, answer::dead_letter},
                    answer_case{failure_kind::poison, 1, answer::dead_letter},
                    answer_case{failure_kind::poison, 2, answer::dead_letter},
                    answer_case{failure_kind::poison, 3, answer::dead_letter},
                    answer_case{failure_kind::fatal, 1, answer::restart},
                    answer_case{failure_kind::fatal, 2, answer::restart},
                    answer_case{failure_kind::fatal, 3, answer::dead_letter_and_restart},
                    answer_case{failure_kind::fatal, 4, answer::dead_letter_and_restart}));

TEST_P(Retry, AnswersByKindAndAttempts) {
  EXPECT_EQ(answer_to(GetParam().kind, GetParam().attempts, {.attempts = 3}), GetParam().expected);
}

TEST(Retry, OfAnItemWithOneAttemptNeverRunsItAgain) {
  const weir::retry_policy once{.attempts = 1};
  EXPECT_EQ(answer_to(failure_kind::transient, 1, once), answer::dead_letter);
  EXPECT_EQ(answer_to(failure_kind::poison, 1, once), answer::dead_letter);
  EXPECT_EQ(answer_to(failure_kind::fatal, 1, once), answer::dead_letter_and_restart);
}

TEST(Retry, WithoutALimitNeverGivesAnItemUpUnlessItIsPoison) {
  const weir::retry_policy for_ever{.attempts = weir::unlimited};
  for (const auto attempts : {1U, 1'000'000U, weir::unlimited - 1, weir::unlimited}) {
    EXPECT_EQ(answer_to(failure_kind::transient, attempts, for_ever), answer::retry);
    EXPECT_EQ(answer_to(failure_kind::fatal, attempts, for_ever), answer::restart);
    EXPECT_EQ(answer_to(failure_kind::poison, attempts, for_ever), answer::dead_letter);
  }
}

TEST(Retry, WaitsAsItsPolicySays) {
  const auto delays =
      weir::retry_policy{.delay_min = 3ms, .delay_max = 40ms, .factor = 3, .jitter = 0}.delays();
  EXPECT_EQ(delays.delay(1, 0.5), 3ms);
  EXPECT_EQ(delays.delay(2, 0.5), 9ms);
  EXPECT_EQ(delays.delay(3, 0.5), 27ms);
  EXPECT_EQ(delays.delay(4, 0.5), 40ms);
}

TEST(Retry, ComesAtOnceAsOftenAsItsPolicySays) {
  const auto delays = [](std::uint32_t immediate) {
    const weir::retry_policy policy{
        .immediate = immediate, .delay_min = 3ms, .delay_max = 40ms, .factor = 3, .jitter = 0};
    std::vector<std::chrono::nanoseconds> all;
    for (std::uint32_t failed_runs = 1; failed_runs <= 5; ++failed_runs)
      all.push_back(policy.delay(failed_runs, 0.5));
    return all;
  };
  using expected = std::vector<std::chrono::nanoseconds>;
  EXPECT_EQ(weir::retry_policy{}.immediate, 1U);
  EXPECT_EQ(delays(1), (expected{0ms, 3ms, 9ms, 27ms, 40ms}));
  EXPECT_EQ(delays(0), (expected{3ms, 9ms, 27ms, 40ms, 40ms}));
  EXPECT_EQ(delays(3), (expected{0ms, 0ms, 0ms, 3ms, 9ms}));
  EXPECT_EQ(delays(weir::unlimited), (expected{0ms, 0ms, 0ms, 0ms, 0ms}));
}

constexpr backoff even{.delay_min = 50ms, .delay_max = 5000ms, .factor = 2, .jitter = 0};

TEST(Backoff, DoublesUpToTheLongestDelay) {
  std::vector<std::chrono::nanoseconds> delays;
  for (std::uint32_t n = 1; n <= 9; ++n)
    delays.push_back(even.delay(n, 0.5));
  EXPECT_EQ(delays, (std::vector<std::chrono::nanoseconds>{50ms, 100ms, 200ms, 400ms, 800ms, 1600ms,
                                                           3200ms, 5000ms, 5000ms}));
}

TEST(Backoff, StaysAtTheLongestDelayForEveryNumberOfFailures) {
  for (const auto n : {100U, 1000U, 1001U, 1025U, 1U << 16U, (1U << 31U) - 1, 1U << 31U,
                       std::numeric_limits<std::uint32_t>::max()})
    for (const double random : {0.0, 0.5, 0.999}) {
      EXPECT_EQ(even.delay(n, random), 5000ms) << n;
      const backoff steep{.delay_min = 1ms, .delay_max = 1h, .factor = 1e9, .jitter = 0};
      EXPECT_EQ(steep.delay(n, random), 1h) << n;
    }
}

TEST(Backoff, TakesTheFirstDelayWhenNothingWasCounted) { EXPECT_EQ(even.delay(0, 0.5), 50ms); }

TEST(Backoff, OfAnEvenFactorDoesNotGrow) {
  const backoff flat{.delay_min = 7ms, .delay_max = 1s, .factor = 1, .jitter = 0};
  for (const auto n : {1U, 2U, 1000U, 1U << 31U})
    EXPECT_EQ(flat.delay(n, 0.5), 7ms);
}

TEST(Backoff, OfNothingStaysNothing) {
  for (const double factor : {1.0, 2.0, 10.0}) {
    const backoff none{.delay_min = 0ms, .delay_max = 5s, .factor = factor};
    for (const auto n : {1U, 500U, 1000U, 1U << 31U})
      EXPECT_EQ(none.delay(n, 0.7), 0ms) << "factor " << factor << ", n " << n;
  }
}

TEST(Backoff, IsShiftedByItsJitterAndNoMore) {
  const backoff shifted{.delay_min = 100ms, .delay_max = 10s, .factor = 2, .jitter = 0.2};
  EXPECT_EQ(shifted.delay(1, 0.0), 80ms);
  EXPECT_EQ(shifted.delay(1, 0.5), 100ms);
  EXPECT_GT(shifted.delay(1, 0.999), 119ms);
  EXPECT_EQ(shifted.delay(2, 0.0), 160ms);
  for (std::uint32_t n = 1; n < 100; ++n)
    for (double random = 0; random < 1; random += 0.01) {
      const backoff plain{.delay_min = 100ms, .delay_max = 10s, .factor = 2, .jitter = 0};
      const auto delay = std::chrono::duration<double>{shifted.delay(n, random)};
      const auto middle = std::chrono::duration<double>{plain.delay(n, random)};
      ASSERT_GE(delay, middle * 0.7999);
      ASSERT_LE(delay, middle * 1.2001);
      ASSERT_LE(delay, 10s) << "not even the jitter goes beyond the longest delay";
    }
}

TEST(Backoff, IsAtMostAYearWhateverIsAskedFor) {
  const backoff endless{.delay_min = std::chrono::milliseconds::max(),
                        .delay_max = std::chrono::milliseconds::max(),
                        .jitter = 1};
  for (const double random : {0.5, 0.999})
    EXPECT_EQ(endless.delay(1, random), backoff::longest);
}

TEST(Backoff, IsNeverNegative) {
  const backoff wild{.delay_min = 10ms, .delay_max = 1s, .factor = 2, .jitter = 3};
  for (double random = 0; random < 1; random += 0.1)
    EXPECT_GE(wild.delay(3, random), 0ms);
}

} // namespace
