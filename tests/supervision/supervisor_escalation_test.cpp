#include "household.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

// When a supervisor escalates, and what it then says.

namespace {

using namespace std::chrono_literals;
using weir::restart;
using weir::strategy;

household of(std::vector<restart> children, std::uint32_t intensity,
             std::chrono::milliseconds period, strategy how = strategy::one_for_one) {
  return {{.strategy = how,
           .intensity = intensity,
           .period = period,
           .delays = {.delay_min = 10ms, .delay_max = 1000ms, .factor = 2, .jitter = 0}},
          std::move(children)};
}

class SupervisorEscalation : public testing::TestWithParam<strategy> {};
INSTANTIATE_TEST_SUITE_P(Strategy, SupervisorEscalation,
                         testing::Values(strategy::one_for_one, strategy::one_for_all,
                                         strategy::rest_for_one));

/// Lets all stop that were told to, and waits until they are started again.
void settle(household& house) {
  for (const char child : {'a', 'b', 'c'})
    house.stopped(child);
  house.when_due();
}

TEST_P(SupervisorEscalation, ComesWithTheThirdFailureWhereTwoAreTolerated) {
  auto house = of(std::vector(3, restart::permanent), 2, 30s, GetParam());
  for (int k = 0; k < 2; ++k) {
    EXPECT_EQ(house.fails('b').find("escalate"), std::string::npos);
    settle(house);
  }
  EXPECT_EQ(house.fails('b'), "escalate b");
}

TEST_P(SupervisorEscalation, ComesWhenAStartKeepsFailing) {
  auto house = of(std::vector(3, restart::permanent), 5, 30s, GetParam());
  int starts = 0;
  auto steps = house.fails('c');
  for (; steps.find("escalate") == std::string::npos; ++starts) {
    settle(house);
    steps = house.fails('c'); // and never did any work
    ASSERT_LT(starts, 100);
  }
  EXPECT_EQ(starts, 5);
  EXPECT_EQ(steps, "escalate c");
}

TEST(Supervisor, EscalatesOnTheSixthRestartWithinThePeriod) {
  auto house = of(std::vector(3, restart::permanent), 5, 30s);
  for (const char child : {'a', 'b', 'c', 'a', 'b'}) {
    EXPECT_EQ(house.fails(child), "");
    house.when_due();
  }
  EXPECT_EQ(house.fails('c'), "escalate c") << "it counts for all of them";
}

TEST(Supervisor, ToleratesFailuresThatAreFurtherApartThanThePeriod) {
  auto house = of({restart::permanent}, 1, 1s);
  for (int k = 0; k < 4; ++k) {
    EXPECT_EQ(house.fails('a'), "");
    EXPECT_EQ(house.when_due(), "start a");
    house.after(2100ms);
  }
}

TEST(Supervisor, EscalatesThoughItsBackOffIsLongerThanThePeriod) {
  auto house = of({restart::permanent}, 5, 100ms); // the delays are 10, 20 … 320 ms
  for (int k = 0; k < 5; ++k) {
    EXPECT_EQ(house.fails('a'), "");
    EXPECT_EQ(house.when_due(), "start a");
  }
  EXPECT_EQ(house.fails('a'), "escalate a");
}

TEST(Supervisor, CountsTheFailuresOfManyChildrenByTheClock) {
  auto house = of(std::vector(20, restart::permanent), 100, 10s);
  for (int k = 0; k < 1000; ++k) { // 20 in each period, each with its own delay
    ASSERT_EQ(house.fails(static_cast<char>('a' + k % 20)), "") << k / 2 << " s";
    const auto until = house.now() + 500ms;
    while (house.next_due() >= 0ms && house.now() + house.next_due() <= until)
      house.when_due();
    house.after(until - house.now());
  }
  EXPECT_LE(house->charged(house.now()), 24U) << "those of 10 s, and of their delays";
}

TEST(Supervisor, TakesTimeInWhichAGroupIsDownOutOnce) {
  auto house = of(std::vector(3, restart::permanent), 100, 1s, strategy::rest_for_one);
  EXPECT_EQ(house.fails('c'), "");
  EXPECT_EQ(house->charged(house.now()), 1U);
  EXPECT_EQ(house.next_due(), 10ms);
  house.after(5ms);
  house.fails('b'); // c is to wait 5 ms more
  house.stopped('c');
  EXPECT_EQ(house.when_due(), "start b, start c");
  EXPECT_EQ(house->charged(house.now()), 2U);
  house.after(1s);
  EXPECT_EQ(house->charged(house.now()), 2U) << "15 ms were taken out of both";
  house.after(1ms);
  EXPECT_EQ(house->charged(house.now()), 0U);
}

TEST(Supervisor, SaysWhomItGaveUpAndWhy) {
  auto house = of({restart::permanent, restart::permanent}, 0, 30s);
  EXPECT_FALSE(house->escalated());
  house.fails('b');
  ASSERT_TRUE(house->escalated());
  EXPECT_EQ(house->escalated()->kind, weir::failure_kind::fatal);
  EXPECT_EQ(
      house->escalated()->message(),
      "escalated the failure of 'b': more than 0 restarts within 30000 ms ← stage b ← it broke");
}

TEST(Supervisor, SaysWhomItGaveUpHoweverLongTheChainOfCauses) {
  weir::internal::supervisor_state decides{{.intensity = 0}, {{.id = "b"}}};
  auto why = weir::fatal("the root");
  for (int layer = 0; layer < 50; ++layer)
    why = std::move(why).within("layer " + std::to_string(layer));
  decides.exited(0, weir::exit_reason::failed, 1, why, {}, 0.5);
  const auto message = decides.escalated()->message();
  EXPECT_TRUE(message.starts_with("escalated the failure of 'b': more than 0 restarts")) << message;
  EXPECT_TRUE(message.ends_with("the root")) << message;
}

TEST(Supervisor, DecidesNothingMoreOnceItGaveUp) {
  auto house = of(std::vector(3, restart::permanent), 0, 30s, strategy::one_for_all);
  EXPECT_EQ(house.fails('b'), "escalate b");
  const auto why = house->escalated();
  EXPECT_EQ(house.fails('a'), "");
  EXPECT_EQ(house.stopped('c'), "");
  EXPECT_EQ(house.after(1h), "");
  EXPECT_EQ(house.next_due(), -1ms);
  EXPECT_EQ(house->escalated(), why) << "the first reason is the reason";
}

TEST(Supervisor, NeverEscalatesForWhatIsNotCharged) {
  auto house = of({restart::permanent}, 0, 30s);
  for (int k = 0; k < 1000; ++k) {
    ASSERT_EQ(house.fails('a', 0), "");
    ASSERT_EQ(house.when_due(), "start a");
  }
  EXPECT_EQ(house->restarts(0), 1000U);
  EXPECT_EQ(house->charged(house.now()), 0U);
}

TEST(Supervisor, ForgivesAChildThatDidWorkAgain) {
  auto house = of({restart::permanent, restart::permanent}, 2, 30s);
  house.fails('a');
  house.when_due();
  house.fails('b');
  house.when_due();
  EXPECT_EQ(house->charged(house.now()), 2U);
  house.recovered('a');
  EXPECT_EQ(house->charged(house.now()), 1U);
  EXPECT_EQ(house.fails('a'), "");
  house.when_due();
  EXPECT_EQ(house.fails('a'), "escalate a") << "b is not forgiven for what a did";
}

TEST(Supervisor, NeverStopsForOnePoisonItemInAHundred) {
  auto house = of({restart::permanent}, 5, 30s);
  weir::internal::blame whose;
  for (std::uint64_t item = 0; item < 10'000; ++item) {
    if (item % 100 != 99) {
      if (whose.succeeded())
        house.recovered('a');
      continue;
    }
    for (int attempt = 0; attempt < 3; ++attempt) {
      ASSERT_EQ(house.fails('a', whose, item), "") << "item " << item;
      ASSERT_EQ(house.when_due(), "start a");
    }
  }
  EXPECT_EQ(house->restarts(0), 300U);
}

TEST(Supervisor, StopsSoonForAStageThatFailsEverything) {
  auto house = of({restart::permanent}, 5, 30s);
  weir::internal::blame whose;
  std::uint64_t item = 0;
  for (; !house->escalated(); ++item) {
    ASSERT_LT(item, 100U);
    for (int attempt = 0; attempt < 3 && !house->escalated(); ++attempt) {
      house.fails('a', whose, item);
      house.when_due();
    }
  }
  EXPECT_EQ(item, 6U) << "items that were touched";
}

} // namespace
