#include <weir/supervision/restart_window.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using weir::internal::restart_window;

constexpr weir::time_point start{1000h};

TEST(RestartWindow, EscalatesOnTheSixthRestartWithinThePeriod) {
  restart_window window{5, 30s};
  for (int k = 0; k < 5; ++k)
    EXPECT_TRUE(window.add(0, 1, start + k * 1s));
  EXPECT_FALSE(window.add(0, 1, start + 29s));
}

TEST(RestartWindow, DoesNotEscalateOnRestartsThatAreFurtherApart) {
  restart_window window{1, 1s};
  for (int k = 0; k < 4; ++k)
    EXPECT_TRUE(window.add(0, 1, start + k * 2100ms));
}

TEST(RestartWindow, CountsARestartUntilItIsOlderThanThePeriod) {
  for (const auto age : {29'999ms, 30'000ms, 30'001ms}) {
    restart_window window{1, 30s};
    window.add(0, 1, start);
    EXPECT_EQ(window.size(start + age), age > 30s ? 0U : 1U);
    EXPECT_EQ(window.add(0, 1, start + age), age > 30s) << age.count();
  }
}

TEST(RestartWindow, SlidesWithTime) {
  restart_window window{2, 10s};
  EXPECT_TRUE(window.add(0, 1, start));
  EXPECT_TRUE(window.add(0, 1, start + 9s));
  EXPECT_TRUE(window.add(0, 1, start + 11s)) << "the first has left the window";
  EXPECT_FALSE(window.add(0, 1, start + 12s))
      << "three in 3 s, across the border of a fixed window";
}

TEST(RestartWindow, WithAnIntensityOfZeroToleratesNone) {
  restart_window window{0, 30s};
  EXPECT_TRUE(window.add(0, 0, start));
  EXPECT_FALSE(window.add(0, 1, start));
}

TEST(RestartWindow, CountsTheRestartsOfAllChildrenTogether) {
  restart_window window{2, 30s};
  EXPECT_TRUE(window.add(0, 1, start));
  EXPECT_TRUE(window.add(1, 1, start));
  EXPECT_FALSE(window.add(2, 1, start));
}

TEST(RestartWindow, CountsAsManyAsItIsTold) {
  restart_window window{5, 30s};
  EXPECT_TRUE(window.add(0, 2, start));
  EXPECT_EQ(window.size(start), 2U);
  EXPECT_TRUE(window.add(0, 0, start));
  EXPECT_EQ(window.size(start), 2U);
  EXPECT_TRUE(window.add(0, 3, start));
  EXPECT_FALSE(window.add(0, 1, start));
}

TEST(RestartWindow, ForgivesOneChildAndNoOther) {
  restart_window window{3, 30s};
  window.add(0, 2, start);
  window.add(1, 1, start);
  window.forgive(0);
  EXPECT_EQ(window.size(start), 1U);
  EXPECT_TRUE(window.add(0, 2, start));
  EXPECT_FALSE(window.add(0, 1, start)) << "what another child was charged with still counts";
  window.forgive(7); // whom it has never seen
  EXPECT_EQ(window.size(start), 4U);
}

TEST(RestartWindow, DoesNotCountTheTimeOfAPause) {
  restart_window window{1, 10s};
  EXPECT_TRUE(window.add(0, 1, start));
  window.pause(0, 60s);
  EXPECT_EQ(window.size(start + 70s), 1U);
  EXPECT_EQ(window.size(start + 70s + 1ms), 0U);

  EXPECT_TRUE(window.add(0, 1, start + 80s));
  window.pause(0, 60s);
  EXPECT_FALSE(window.add(0, 1, start + 145s)) << "5 s after the other, the pause taken out";
}

TEST(RestartWindow, PausesForOneChildAndNoOther) {
  restart_window window{9, 10s};
  window.add(0, 1, start);
  window.add(1, 1, start);
  window.pause(1, 60s);
  EXPECT_EQ(window.size(start + 10s), 2U);
  EXPECT_EQ(window.size(start + 11s), 1U) << "for the other one time goes on";
}

TEST(RestartWindow, CountsWhatAListOfTimesWouldCount) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random{seed};
    const auto up_to = [&](std::uint32_t most) {
      return std::uniform_int_distribution<std::uint32_t>{0, most}(random);
    };
    const auto intensity = up_to(6);
    const auto period = std::chrono::milliseconds{1 + up_to(1000)};
    restart_window window{intensity, period};
    std::vector<std::pair<std::size_t, weir::time_point>> model;
    auto now = start;
    for (int step = 0; step < 500; ++step) {
      now += std::chrono::milliseconds{up_to(400)};
      const std::size_t child = up_to(3);
      if (up_to(9) == 0) {
        window.forgive(child);
        std::erase_if(model, [&](const auto& one) { return one.first == child; });
        continue;
      }
      if (up_to(9) == 0) {
        const auto pause = std::chrono::milliseconds{up_to(300)};
        window.pause(child, pause);
        for (auto& one : model)
          one.second += one.first == child ? pause : 0ms;
      }
      const auto count = up_to(2);
      model.insert(model.end(), count, {child, now});
      std::erase_if(model, [&](const auto& one) { return now - one.second > period; });
      ASSERT_EQ(window.add(child, count, now), model.size() <= intensity) << "seed " << seed;
      ASSERT_EQ(window.size(now), model.size()) << "seed " << seed;
    }
  }
}

} // namespace
