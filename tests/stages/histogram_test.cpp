#include <weir/stages/histogram.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using weir::histogram;

/// What is said of one duration: the upper bound of its bucket.
std::int64_t bound_of(std::int64_t nanos) {
  histogram one;
  one.add(nanoseconds{nanos});
  return one.quantile(1).count();
}

TEST(Histogram, OfNothingSaysZero) {
  const histogram none;
  EXPECT_EQ(none.quantile(0.5), 0ns);
  EXPECT_EQ(none.quantile(1), 0ns);
}

TEST(Histogram, IsExactUpToEightNanoseconds) {
  for (std::int64_t nanos = 0; nanos < 8; ++nanos)
    EXPECT_EQ(bound_of(nanos), nanos);
}

TEST(Histogram, TakesATimeThatRanBackForNone) { EXPECT_EQ(bound_of(-5), 0); }

TEST(Histogram, HasNoGapsAndNoBucketWiderThanAQuarter) {
  // From each bucket's upper bound, the next value opens the next bucket, up to the longest duration.
  constexpr auto longest = std::numeric_limits<std::int64_t>::max();
  int buckets = 0;
  for (std::int64_t first = 0;; ++buckets) {
    const auto bound = bound_of(first);
    ASSERT_GE(bound, first);
    ASSERT_EQ(bound_of(bound), bound) << "the bound belongs to its bucket";
    ASSERT_EQ(bound_of(first + (bound - first) / 2), bound) << "as does what lies between";
    ASSERT_LE(static_cast<double>(bound - first), static_cast<double>(first) * 0.25);
    if (bound == longest)
      break;
    first = bound + 1;
  }
  EXPECT_EQ(buckets + 1, 248) << "of the 252 there are, a signed duration needs these";
}

TEST(Histogram, NeverSaysLessOfALongerDuration) {
  std::mt19937_64 random{1};
  for (int k = 0; k < 10'000; ++k) {
    const auto shift = random() % 63;
    const auto a = static_cast<std::int64_t>((random() >> 1U) >> shift);
    const auto b = static_cast<std::int64_t>((random() >> 1U) >> shift);
    ASSERT_LE(bound_of(std::min(a, b)), bound_of(std::max(a, b)));
  }
}

TEST(Histogram, SaysItsQuantilesToAQuarter) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random{seed};
    std::lognormal_distribution<double> latency{10, 3};
    histogram counted;
    std::vector<double> all;
    for (int k = 0; k < 5000; ++k) {
      const auto one = std::floor(latency(random));
      all.push_back(one);
      counted.add(nanoseconds{static_cast<std::int64_t>(one)});
    }
    std::ranges::sort(all);
    for (const double share : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto rank =
          static_cast<std::size_t>(std::ceil(share * static_cast<double>(all.size())));
      const auto exact = all[rank - 1];
      const auto said = static_cast<double>(counted.quantile(share).count());
      EXPECT_GE(said, exact) << "seed " << seed << ", " << share;
      EXPECT_LE(said, exact * 1.25) << "seed " << seed << ", " << share;
    }
  }
}

TEST(Histogram, CountsADurationAsOftenAsItIsTold) {
  histogram counted;
  counted.add(1ns, 99);
  counted.add(5ns, 1);
  EXPECT_EQ(counted.quantile(0.5), 1ns);
  EXPECT_EQ(counted.quantile(0.99), 1ns);
  EXPECT_EQ(counted.quantile(0.991), 5ns);
  EXPECT_EQ(counted.quantile(1), 5ns);
  counted.add(7ns, 0);
  EXPECT_EQ(counted.quantile(1), 5ns);
}

TEST(Histogram, OfNoShareIsTheShortest) {
  histogram counted;
  counted.add(3ns);
  counted.add(7ns);
  EXPECT_EQ(counted.quantile(0), 3ns);
}

TEST(Histogram, AddsWhatAnotherCounted) {
  histogram one;
  histogram other;
  one.add(1ns, 3);
  other.add(1ns, 1);
  other.add(6ns, 4);
  one.add(other);
  EXPECT_EQ(one.quantile(0.5), 1ns);
  EXPECT_EQ(one.quantile(0.51), 6ns);
  EXPECT_EQ(other.quantile(0.2), 1ns) << "which keeps it";
}

} // namespace
