#include <weir/actors/token_bucket.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <ostream>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace weir {

std::ostream& operator<<(std::ostream& out, const rate_limit& limit) {
  return out << limit.permits << " per " << limit.per.count() << " ms, burst " << limit.burst;
}

} // namespace weir

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using time_point = weir::internal::token_bucket::time_point;
using weir::rate_limit;
using weir::internal::token_bucket;
__extension__ using wide = __int128; // nanoseconds times permits

constexpr time_point start{1000h};
constexpr auto everything = std::numeric_limits<std::uint64_t>::max();

class TokenBucketOf : public testing::TestWithParam<rate_limit> {
protected:
  nanoseconds per() const { return GetParam().per; }
  /// When the n-th permit is due that a bucket gives which is always asked in time.
  time_point due(std::uint64_t n) const {
    const auto permits = static_cast<wide>(GetParam().permits);
    return start
           + nanoseconds{static_cast<std::int64_t>(
               (static_cast<wide>(n) * per().count() + permits - 1) / permits)};
  }
  /// How many permits a time is worth: whole ones, unless it is rounded up.
  std::uint64_t permits_of(nanoseconds time, nanoseconds round_up = 0ns) const {
    const auto worth = static_cast<wide>(time.count()) * GetParam().permits + round_up.count();
    return static_cast<std::uint64_t>(worth / per().count());
  }
  std::uint64_t up_to(std::uint64_t most) {
    return std::uniform_int_distribution<std::uint64_t>{0, most}(random_);
  }
  /// Often a moment, sometimes long enough for more than a burst to gather.
  nanoseconds some_time() {
    const auto interval = per().count() / GetParam().permits + 1;
    const auto longest = up_to(9) == 0 ? 3 * interval * GetParam().burst : 2 * interval;
    return nanoseconds{static_cast<std::int64_t>(up_to(static_cast<std::uint64_t>(longest)))};
  }

  std::mt19937_64 random_{42};
};
INSTANTIATE_TEST_SUITE_P(Rate, TokenBucketOf,
                         testing::Values(rate_limit{500, 1s, 1}, rate_limit{500, 1s, 50},
                                         rate_limit{1, 1s, 1}, rate_limit{3, 1s, 1},
                                         rate_limit{7, 1s, 5}, rate_limit{1, 1h, 3},
                                         rate_limit{333, 250ms, 10},
                                         rate_limit{1'000'000, 1s, 1000},
                                         rate_limit{1'000'000'000, 1s, 2}));

TEST_P(TokenBucketOf, IsEmptyWhenItIsNew) {
  token_bucket bucket{GetParam(), start};
  EXPECT_TRUE(bucket.limited());
  EXPECT_EQ(bucket.take(1000, start), 0U) << "a restart must not buy a burst";
  EXPECT_EQ(bucket.next(start), due(1));
}

TEST_P(TokenBucketOf, NeverGivesMoreThanTheBurstAndTheRateInAnyWindow) {
  for (int round = 0; round < 5; ++round) {
    token_bucket bucket{GetParam(), start};
    std::vector<std::pair<nanoseconds, std::uint64_t>> grants;
    nanoseconds now{0};
    for (int step = 0; step < 1000; ++step) {
      now += some_time();
      if (const auto got = bucket.take(1 + up_to(2 * GetParam().burst), start + now); got > 0)
        grants.emplace_back(now, got);
    }
    ASSERT_GT(grants.size(), 100U);
    // From each grant to each later one: burst + ceil(window · rate), and both ends count.
    for (std::size_t first = 0; first < grants.size(); ++first) {
      std::uint64_t count = 0;
      for (std::size_t last = first; last < grants.size(); ++last) {
        count += grants[last].second;
        const auto window = grants[last].first - grants[first].first;
        ASSERT_LE(count, GetParam().burst + permits_of(window, per() - 1ns))
            << window.count() << " ns";
      }
    }
  }
}

TEST_P(TokenBucketOf, GivesWhatABucketGivesIntoWhichAPermitFallsAtEachInterval) {
  token_bucket bucket{GetParam(), start};
  std::uint64_t level = 0;
  nanoseconds now{0};
  for (int step = 0; step < 10'000; ++step) {
    const auto passed = some_time();
    level += permits_of(now + passed) - permits_of(now);
    level = std::min<std::uint64_t>(level, GetParam().burst); // what does not fit runs over
    now += passed;
    const auto wanted = up_to(2 * GetParam().burst);
    const auto expected = std::min(wanted, level);
    level -= expected;
    ASSERT_EQ(bucket.take(wanted, start + now), expected) << "step " << step;
  }
}

TEST_P(TokenBucketOf, KnowsToTheNanosecondWhenTheNextPermitIsThere) {
  token_bucket bucket{GetParam(), start};
  auto now = start;
  for (int step = 0; step < 10'000; ++step) {
    now += some_time();
    bucket.take(up_to(2 * GetParam().burst), now);
    const auto next = bucket.next(now);
    if (next <= now) {
      ASSERT_EQ(bucket.take(1, now), 1U) << "it said that there is one";
      continue;
    }
    ASSERT_EQ(bucket.take(1, next - 1ns), 0U) << "it said that there is none";
    ASSERT_EQ(bucket.take(1, next), 1U);
    now = next;
  }
}

TEST_P(TokenBucketOf, DoesNotDriftInAMillionPermits) {
  token_bucket bucket{GetParam(), start};
  auto now = start;
  for (std::uint64_t n = 1; n <= 1'000'000; ++n) {
    now = bucket.next(now);
    ASSERT_EQ(now, due(n));
    ASSERT_EQ(bucket.take(1, now), 1U);
  }
}

TEST_P(TokenBucketOf, GivesABurstAfterItWasIdleAndNoMore) {
  for (const auto idle : {nanoseconds{24h}, nanoseconds{24h * 365}, nanoseconds{24h * 365 * 100}}) {
    token_bucket bucket{GetParam(), start};
    const auto now = start + (GetParam().burst + 1) * per() + idle;
    EXPECT_EQ(bucket.take(10ULL * GetParam().burst, now), GetParam().burst);
    EXPECT_EQ(bucket.take(10ULL * GetParam().burst, now), 0U);
    EXPECT_GT(bucket.next(now), now);
    EXPECT_LE(bucket.next(now), now + per() / GetParam().permits + 1ns);
  }
}

TEST(TokenBucket, GivesAFullSecondsWorthInASecondWheneverItStarts) {
  token_bucket bucket{{.permits = 500, .per = 1s, .burst = 1}, start};
  auto now = start + 123'456'789ns;
  bucket.take(everything / 2, now);
  std::uint64_t got = 0;
  for (const auto end = now + 1s; now < end;) {
    now += 1ms;
    got += bucket.take(10, now);
  }
  EXPECT_EQ(got, 500U);
}

TEST(TokenBucket, WithoutARateGivesWhatIsWanted) {
  token_bucket bucket{{}, start};
  EXPECT_FALSE(bucket.limited());
  EXPECT_EQ(bucket.take(12'345, start), 12'345U);
  EXPECT_EQ(bucket.next(start), start);
  bucket.give_back(5);
}

TEST(TokenBucket, WithoutABurstStillGivesOneAtATime) {
  token_bucket bucket{{.permits = 10, .per = 1s, .burst = 0}, start};
  EXPECT_EQ(bucket.take(5, start + 1h), 1U);
  EXPECT_EQ(bucket.take(5, start + 1h + 100ms), 1U);
}

TEST(TokenBucket, GivesAllThereIsToWhoWantsEverything) {
  token_bucket bucket{{.permits = 10, .per = 1s, .burst = 5}, start};
  EXPECT_EQ(bucket.take(everything, start + 300ms), 3U);
  EXPECT_EQ(bucket.take(0, start + 1h), 0U);
  EXPECT_EQ(bucket.take(everything, start + 1h), 5U);
}

TEST(TokenBucket, TakesBackWhatWasNotUsed) {
  token_bucket bucket{{.permits = 10, .per = 1s, .burst = 5}, start};
  EXPECT_EQ(bucket.take(5, start + 1h), 5U);
  bucket.give_back(3);
  EXPECT_EQ(bucket.next(start + 1h), start + 1h);
  EXPECT_EQ(bucket.take(5, start + 1h), 3U);
  bucket.give_back(3);
  EXPECT_EQ(bucket.take(10, start + 2h), 5U) << "not more than a burst gathers";
}

TEST(TokenBucket, TakesAClockThatGoesBackForOneThatStands) {
  token_bucket bucket{{.permits = 10, .per = 1s, .burst = 5}, start};
  EXPECT_EQ(bucket.take(1, start - 1h), 0U);
  EXPECT_EQ(bucket.take(2, start + 200ms), 2U);
  EXPECT_EQ(bucket.take(1, start + 100ms), 0U);
  EXPECT_EQ(bucket.take(1, start + 300ms), 1U);
}

TEST(TokenBucket, IsExactAtTheHighestRateAfterYears) {
  constexpr auto most = std::numeric_limits<std::uint32_t>::max();
  for (int years = 1; years < 250; ++years) {
    token_bucket bucket{{.permits = most, .per = 1ms, .burst = 10}, start};
    const auto now = start + 24h * 365 * years;
    ASSERT_EQ(bucket.take(100, now), 10U) << years;
    ASSERT_EQ(bucket.take(100, now), 0U) << years;
    ASSERT_EQ(bucket.take(100, now + 1ns), 10U) << years;
  }
}

// --- a limit that is changed -----------------------------------------------------------------------

TEST(TokenBucket, GivesByTheNewLimitFromItsChangeOn) {
  token_bucket bucket{{.permits = 10, .per = 1s, .burst = 100}, start};
  EXPECT_EQ(bucket.take(everything, start + 1s), 10U);
  bucket.change({.permits = 100, .per = 1s, .burst = 1000}, start + 1s);
  EXPECT_EQ(bucket.limit(), (rate_limit{.permits = 100, .per = 1s, .burst = 1000}));
  EXPECT_EQ(bucket.take(everything, start + 1s), 0U);
  EXPECT_EQ(bucket.take(everything, start + 2s), 100U);
  bucket.change({.permits = 1, .per = 1s, .burst = 1000}, start + 2s);
  EXPECT_EQ(bucket.take(everything, start + 5s), 3U);
}

TEST(TokenBucket, KeepsWhatHasGatheredAsFarAsTheNewBurstHasRoom) {
  token_bucket bucket{{.permits = 10, .per = 1s, .burst = 5}, start};
  bucket.change({.permits = 20, .per = 1s, .burst = 100}, start + 1h);
  EXPECT_EQ(bucket.take(everything, start + 1h), 5U) << "the burst of the first limit";
  EXPECT_EQ(bucket.take(everything, start + 1h + 5s), 100U);
  bucket.change({.permits = 10, .per = 1s, .burst = 3}, start + 2h);
  EXPECT_EQ(bucket.take(everything, start + 2h), 3U);
  EXPECT_EQ(bucket.take(everything, start + 2h), 0U);
}

TEST(TokenBucket, IsEmptyWhereItsLimitIsNewAndGivesAllWhereItIsLifted) {
  token_bucket bucket{{}, start};
  EXPECT_EQ(bucket.take(1000, start + 1h), 1000U);
  bucket.change({.permits = 10, .per = 1s, .burst = 100}, start + 1h);
  EXPECT_TRUE(bucket.limited());
  EXPECT_EQ(bucket.take(everything, start + 1h), 0U);
  EXPECT_EQ(bucket.next(start + 1h), start + 1h + 100ms);
  EXPECT_EQ(bucket.take(everything, start + 1h + 1s), 10U);
  bucket.change({}, start + 2h);
  EXPECT_FALSE(bucket.limited());
  EXPECT_EQ(bucket.take(1000, start + 2h), 1000U);
  EXPECT_EQ(bucket.next(start + 2h), start + 2h);
}

TEST(TokenBucket, LosesNothingByChangesThatComeOftenerThanPermits) {
  const rate_limit one{.permits = 1, .per = 1s, .burst = 1};
  const rate_limit other{.permits = 1, .per = 1s, .burst = 2};
  token_bucket bucket{one, start};
  auto now = start;
  std::uint64_t got = 0;
  for (int n = 0; n < 1000; ++n) {
    now += 99ms;
    got += bucket.take(1, now);
    bucket.change(n % 2 == 0 ? other : one, now);
  }
  EXPECT_EQ(got, 98U); // of 99
}

TEST(TokenBucket, ForfeitsWhatWasTakenUnderAnotherLimit) {
  token_bucket bucket{{.permits = 10, .per = 1s, .burst = 10}, start};
  auto early = bucket.grant(10, start + 1s);
  EXPECT_EQ(early.count, 10U);
  bucket.change({.permits = 10, .per = 1s, .burst = 5}, start + 1s);
  const auto late = bucket.grant(5, start + 2s);
  EXPECT_EQ(late.count, 5U);
  bucket.give_back(early);
  EXPECT_EQ(bucket.take(everything, start + 2s), 0U);
  bucket.give_back({.count = 2, .limit = late.limit});
  EXPECT_EQ(bucket.take(everything, start + 2s), 2U);

  bucket.change({}, start + 3s);
  const auto free = bucket.grant(7, start + 3s); // taken without a limit
  bucket.change({.permits = 10, .per = 1s, .burst = 10}, start + 3s);
  bucket.give_back(free);
  EXPECT_EQ(bucket.take(everything, start + 3s), 0U);
}

/// In each window within the life of one limit, both ends count.
TEST_P(TokenBucketOf, NeverGivesMoreThanEachLimitAllowsInItsLife) {
  const std::array limits{GetParam(), rate_limit{3, 1s, 7}, rate_limit{1000, 1s, 1}};
  token_bucket bucket{limits[0], start};
  struct life {
    rate_limit limit;
    std::vector<std::pair<nanoseconds, std::uint64_t>> grants{};
  };
  std::vector<life> lives{{limits[0]}};
  nanoseconds now{0};
  for (int step = 0; step < 3000; ++step) {
    now += some_time();
    if (up_to(19) == 0) {
      lives.push_back({limits[up_to(2)]});
      bucket.change(lives.back().limit, start + now);
    }
    const auto wanted = 1 + up_to(2ULL * lives.back().limit.burst);
    const auto got = bucket.grant(wanted, start + now);
    const auto unused = got.count == 0 ? 0 : up_to(got.count - 1);
    bucket.give_back({.count = unused, .limit = got.limit});
    if (got.count > unused)
      lives.back().grants.emplace_back(now, got.count - unused);
  }
  ASSERT_GT(lives.size(), 50U);
  for (const auto& one : lives)
    for (std::size_t first = 0; first < one.grants.size(); ++first) {
      std::uint64_t count = 0;
      for (std::size_t last = first; last < one.grants.size(); ++last) {
        count += one.grants[last].second;
        const auto window = one.grants[last].first - one.grants[first].first;
        const auto per = nanoseconds{one.limit.per}.count();
        const auto due = (static_cast<wide>(window.count()) * one.limit.permits + per - 1) / per;
        ASSERT_LE(count, one.limit.burst + static_cast<std::uint64_t>(due))
            << window.count() << " ns";
      }
    }
}

TEST(TokenBucket, GivesEachPermitToOneThread) {
  token_bucket bucket{{.permits = 1000, .per = 1s, .burst = 1000}, start};
  std::atomic<std::uint64_t> got{0};
  std::vector<std::thread> takers;
  takers.reserve(4);
  for (int k = 0; k < 4; ++k)
    takers.emplace_back([&] {
      for (int tries = 0; tries < 1000; ++tries)
        got += bucket.take(1, start + 600ms);
    });
  for (auto& one : takers)
    one.join();
  EXPECT_EQ(got, 600U);
}

} // namespace
