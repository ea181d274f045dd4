#include "household.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using weir::exit_reason;
using weir::restart;
using weir::strategy;

constexpr auto permanent = restart::permanent;
constexpr auto temporary = restart::temporary;

weir::supervision_options options(strategy how, std::uint32_t intensity = 5,
                                  std::chrono::milliseconds period = 30s) {
  return {.strategy = how,
          .intensity = intensity,
          .period = period,
          .delays = {.delay_min = 10ms, .delay_max = 1000ms, .factor = 2, .jitter = 0}};
}

household three(strategy how, std::uint32_t intensity = 5) {
  return {options(how, intensity), {permanent, permanent, permanent}};
}

using exit_case = std::tuple<restart, exit_reason, strategy>;
class SupervisorMatrix : public testing::TestWithParam<exit_case> {};
INSTANTIATE_TEST_SUITE_P(
    All, SupervisorMatrix,
    testing::Combine(testing::Values(restart::permanent, restart::transient, restart::temporary),
                     testing::Values(exit_reason::normal, exit_reason::shutdown,
                                     exit_reason::failed),
                     testing::Values(strategy::one_for_one, strategy::one_for_all,
                                     strategy::rest_for_one, strategy::dynamic)));

TEST_P(SupervisorMatrix, RestartsWhomTheTypeTheReasonAndTheStrategySay) {
  const auto [type, reason, how] = GetParam();
  household house{options(how), {permanent, type, permanent}};
  const bool restarted =
      type == restart::permanent || (type == restart::transient && reason == exit_reason::failed);
  if (!restarted) {
    EXPECT_EQ(house.exits('b', reason), "");
    EXPECT_EQ(house.after(1h), "");
    EXPECT_EQ(house->charged(house.now()), 0U) << "what is not restarted is not charged";
    return;
  }
  switch (how) {
  case strategy::one_for_one:
  case strategy::dynamic:
    EXPECT_EQ(house.exits('b', reason), "");
    EXPECT_EQ(house.when_due(), "start b");
    break;
  case strategy::one_for_all:
    EXPECT_EQ(house.exits('b', reason), "stop c, stop a");
    EXPECT_EQ(house.stopped('c'), "");
    EXPECT_EQ(house.stopped('a'), "");
    EXPECT_EQ(house.when_due(), "start a, start b, start c");
    break;
  case strategy::rest_for_one:
    EXPECT_EQ(house.exits('b', reason), "stop c");
    EXPECT_EQ(house.stopped('c'), "");
    EXPECT_EQ(house.when_due(), "start b, start c");
    break;
  }
  EXPECT_EQ(house.after(1h), "") << "once";
}

TEST(Supervisor, StopsInTheReverseOfTheOrderOfStart) {
  household house{options(strategy::rest_for_one), std::vector(5, permanent)};
  EXPECT_EQ(house.fails('b'), "stop e, stop d, stop c");
  for (const char child : {'d', 'c', 'e'}) // in whatever order they come to it
    EXPECT_EQ(house.stopped(child), "");
  EXPECT_EQ(house.when_due(), "start b, start c, start d, start e");
}

TEST(Supervisor, StartsNobodyWhileAnotherIsStopping) {
  auto house = three(strategy::one_for_all);
  EXPECT_EQ(house.fails('a'), "stop c, stop b");
  EXPECT_EQ(house.after(1h), "");
  EXPECT_EQ(house.stopped('b'), "");
  EXPECT_EQ(house.after(1h), "") << "c is still alive";
  EXPECT_EQ(house.stopped('c'), "start a, start b, start c") << "the back-off is long over";
}

TEST(Supervisor, AsksForNoTimerWhileItWaitsForAStop) {
  auto house = three(strategy::one_for_all);
  EXPECT_EQ(house.next_due(), -1ms);
  house.fails('b');
  house.stopped('a');
  EXPECT_EQ(house.next_due(), -1ms)
      << "whatever the time, nothing can be done before c has stopped";
  house.stopped('c');
  EXPECT_EQ(house.next_due(), 10ms);
  house.when_due();
  EXPECT_EQ(house.next_due(), -1ms);
}

TEST(Supervisor, TakesAFailureInsteadOfAStopForAStop) {
  auto house = three(strategy::one_for_all, 1);
  EXPECT_EQ(house.fails('a'), "stop c, stop b");
  EXPECT_EQ(house.fails('c'), "");
  EXPECT_EQ(house->charged(house.now()), 1U) << "it was told to go";
  EXPECT_EQ(house.stopped('c'), "") << "the answer to the order that it did not live to see";
  EXPECT_EQ(house.exits('b', exit_reason::normal), "");
  EXPECT_EQ(house.when_due(), "start a, start b, start c");
}

TEST(Supervisor, StopsNobodyTwice) {
  auto house = three(strategy::rest_for_one);
  EXPECT_EQ(house.fails('b'), "stop c");
  EXPECT_EQ(house.fails('a'), "") << "b waits to be started, c is being stopped";
  EXPECT_EQ(house.stopped('c'), "");
  EXPECT_EQ(house.when_due(), "start a, start b, start c");
}

TEST(Supervisor, DoesNotStartALaterChildBeforeAnEarlierOneOfItsGroup) {
  auto house = three(strategy::rest_for_one, 100);
  for (int k = 0; k < 3; ++k) { // a has to wait longer now
    house.fails('a');
    house.stopped('c');
    house.stopped('b');
    house.when_due();
  }
  EXPECT_EQ(house.fails('c'), "");
  EXPECT_EQ(house.next_due(), 10ms);
  EXPECT_EQ(house.fails('a'), "stop b");
  EXPECT_EQ(house.stopped('b'), "");
  EXPECT_EQ(house.after(10ms), "") << "c is due, but what it stands on is not there";
  EXPECT_EQ(house.after(70ms), "start a, start b, start c");
}

TEST(Supervisor, OfOneForOneLetsTheOthersWork) {
  auto house = three(strategy::one_for_one);
  EXPECT_EQ(house.fails('c'), "");
  EXPECT_EQ(house.after(5ms), "");
  EXPECT_EQ(house.fails('a'), "");
  EXPECT_EQ(house.after(5ms), "start c");
  EXPECT_EQ(house.after(5ms), "start a");
  EXPECT_EQ(house->restarts(0), 1U);
  EXPECT_EQ(house->restarts(1), 0U);
  EXPECT_EQ(house->restarts(2), 1U);
}

TEST(Supervisor, NeverStartsATemporaryChildAgainNotEvenWithItsGroup) {
  for (const auto how : {strategy::one_for_all, strategy::rest_for_one}) {
    household house{options(how), {permanent, temporary, permanent}};
    EXPECT_EQ(house.fails('a'), "stop c, stop b");
    EXPECT_EQ(house.stopped('c'), "");
    EXPECT_EQ(house.stopped('b'), "");
    EXPECT_EQ(house.when_due(), "start a, start c");
  }
}

TEST(Supervisor, NeverStartsWhatHadDoneAllItsWork) {
  auto house = three(strategy::one_for_all);
  house.ended('b');
  EXPECT_EQ(house.fails('c'), "stop a");
  EXPECT_EQ(house.stopped('a'), "");
  EXPECT_EQ(house.when_due(), "start a, start c");
  EXPECT_EQ(house.fails('b'), "") << "a late word from one that has ended";
  EXPECT_EQ(house.after(1h), "");
}

TEST(Supervisor, DoesNotWaitForTheStopOfWhatHadDoneAllItsWork) {
  auto house = three(strategy::one_for_all);
  EXPECT_EQ(house.fails('a'), "stop c, stop b");
  EXPECT_EQ(house.stopped('c'), "");
  house.ended('b'); // instead of stopping
  EXPECT_EQ(house.after(10ms), "start a, start c");
}

TEST(Supervisor, BacksOffLongerForEachFailureInARowAndAnewAfterWork) {
  auto house = three(strategy::one_for_one, 1000);
  const auto delay_of_next_failure = [&](char child) {
    house.fails(child);
    const auto delay = house.next_due();
    house.when_due();
    return std::chrono::duration_cast<std::chrono::milliseconds>(delay);
  };
  for (const auto expected : {10ms, 20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1000ms, 1000ms})
    EXPECT_EQ(delay_of_next_failure('a'), expected);
  EXPECT_EQ(delay_of_next_failure('b'), 10ms) << "each child has its own";
  house.recovered('a');
  EXPECT_EQ(delay_of_next_failure('a'), 10ms);
  EXPECT_EQ(delay_of_next_failure('b'), 20ms);
}

TEST(Supervisor, ShiftsTheBackOffByItsJitter) {
  auto delays = options(strategy::one_for_one);
  delays.delays.jitter = 0.2;
  for (const auto& [random, expected] : {std::pair{0.0, 8ms}, {0.5, 10ms}, {0.75, 11ms}}) {
    weir::internal::supervisor_state decides{delays, {{.id = "a", .restart = permanent}}};
    const weir::time_point now{1h};
    decides.exited(0, exit_reason::failed, 1, weir::fatal("it broke"), now, random);
    EXPECT_EQ(*decides.next_due() - now, expected);
  }
}

/// A child as it really is: it obeys when it comes to it, and fails when it likes.
enum class life { running, stopping, down, gone };

TEST(Supervisor, KeepsItsPromisesWhateverHappensInWhateverOrder) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random{seed};
    const auto one_of = [&](std::size_t count) { return random() % count; };
    const auto how =
        std::array{strategy::one_for_one, strategy::one_for_all, strategy::rest_for_one}[seed % 3];
    const auto count = 1 + one_of(5);
    household house{options(how, 1'000'000), std::vector(count, permanent)};
    std::vector<life> children(count, life::running);
    std::string history;
    const auto carry_out = [&](const std::string& steps) {
      history += steps.empty() ? "" : steps + "; ";
      for (std::size_t at = 0; at < steps.size(); at = steps.find_first_of(',', at) + 2) {
        const bool start = steps.compare(at, 6, "start ") == 0;
        auto& child = children[household::index(steps[at + (start ? 6 : 5)])];
        ASSERT_EQ(child, start ? life::down : life::running);
        const bool all_stopped = std::ranges::count(children, life::stopping) == 0;
        ASSERT_TRUE(!start || all_stopped) << "an old instance is alive beside a new one";
        child = start ? life::running : life::stopping;
        if (steps.find(',', at) == std::string::npos)
          break;
      }
    };
    const auto happens = [&] {
      const auto which = one_of(count);
      const auto name = static_cast<char>('a' + which);
      auto& child = children[which];
      switch (one_of(8)) {
      case 0:
      case 1:
        if (child == life::running || child == life::stopping) {
          child = life::down;
          history += std::string{"fails "} + name + "; ";
          carry_out(house.fails(name, static_cast<std::uint32_t>(one_of(3))));
        }
        break;
      case 2:
      case 3:
        if (child == life::stopping) {
          child = life::down;
          history += std::string{"stopped "} + name + "; ";
          carry_out(house.stopped(name));
        }
        break;
      case 4:
        if (child == life::running && one_of(10) == 0) {
          child = life::gone;
          house.ended(name);
        }
        break;
      case 5:
        house.recovered(name);
        break;
      default:
        carry_out(house.after(std::chrono::milliseconds{one_of(50)}));
      }
    };
    for (int step = 0; step < 300 && !testing::Test::HasFailure(); ++step)
      happens();
    // Once it is quiet, everybody is there again.
    for (std::size_t which = 0; which < count; ++which)
      if (children[which] == life::stopping) {
        children[which] = life::down;
        carry_out(house.stopped(static_cast<char>('a' + which)));
      }
    carry_out(house.after(1h));
    for (const auto& child : children)
      ASSERT_TRUE(child == life::running || child == life::gone);
    ASSERT_EQ(house.next_due(), -1ms);
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << ": " << history;
  }
}

} // namespace
