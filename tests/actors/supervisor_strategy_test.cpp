#include "nursery.hpp"

#include <gmock/gmock.h>

// Which children are restarted when one has ended, in which order, and how often.

namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using weir::exit_reason;
using weir::restart;
using weir::supervisor;

class SupervisorStrategy : public testing::Test {
protected:
  nursery house_;
};

/// The chain of a supervisor that has ended.
std::vector<std::string> chain_of(const supervisor& tree) {
  const auto end = tree.ended();
  return end ? end->why.chain : std::vector<std::string>{"it has not ended"};
}

// SUP-33
TEST_F(SupervisorStrategy, OneForOneRestartsOnlyTheDeadOneAndGivesUpBeyondItsIntensity) {
  supervisor tree{
      house_.node,
      "tree",
      {.supervision = at_once(weir::one_for_one, 2), .children = house_.children("abc")}};
  house_.starts(tree);
  house_.crashes("b");
  EXPECT_EQ(house_.history(), "~b +b");
  house_.crashes("b");
  EXPECT_EQ(house_.history(), "~b +b");
  house_.crashes("b", "out of ink");
  EXPECT_EQ(house_.history(), "~b -c -a");
  ASSERT_TRUE(tree.ended());
  EXPECT_EQ(tree.ended()->reason, exit_reason::failed);
  EXPECT_THAT(chain_of(tree),
              ElementsAre("supervisor 'tree'",
                          "escalated the failure of 'b': more than 2 restarts within 30000 ms",
                          "out of ink"));
}

// SUP-35
TEST_F(SupervisorStrategy, OneForAllStopsAllAndStartsAllAndNoOldOneIsAlive) {
  supervisor tree{
      house_.node,
      "tree",
      {.supervision = at_once(weir::one_for_all, 1), .children = house_.children("abc")}};
  house_.starts(tree);
  house_.is_deaf("a");
  house_.crashes("b");
  EXPECT_EQ(house_.history(), "~b -c -a") << "and nobody is started while a is alive";
  EXPECT_EQ(house_.after(4s), "");
  house_.obeys("a");
  EXPECT_EQ(house_.history(), "+a +b +c");
  house_.crashes("c");
  EXPECT_EQ(house_.history(), "~c -b -a") << "for good";
  house_.obeys("a");
  EXPECT_EQ(house_.history(), "");
  EXPECT_TRUE(tree.ended());
}

// SUP-44, SUP-90
TEST_F(SupervisorStrategy, RestForOneRestartsThoseBehindTheDeadOneAndLeavesTheOthersAsTheyAre) {
  supervisor tree{
      house_.node,
      "tree",
      {.supervision = at_once(weir::rest_for_one, 2), .children = house_.children("abcd")}};
  auto started = tree.start();
  EXPECT_EQ(house_.history(), "+a +b +c +d");
  house_.crashes("b");
  EXPECT_EQ(house_.history(), "~b -d -c +b +c +d");
  house_.crashes("d");
  EXPECT_EQ(house_.history(), "~d +d");
  EXPECT_EQ(house_.starts("a"), 1U);
  house_.crashes("c");
  EXPECT_EQ(house_.history(), "~c -d -b -a");
  EXPECT_TRUE(tree.ended());
}

// As in OTP: a child that was terminated still belongs to its group, a temporary one that is stopped is gone.
TEST_F(SupervisorStrategy, AGroupIsRestartedWithThoseThatAreDownAndWithoutTemporaryOnes) {
  auto children = house_.children("abc");
  children[1].restart = restart::temporary;
  supervisor tree{
      house_.node, "tree", {.supervision = at_once(weir::one_for_all), .children = children}};
  house_.starts(tree);
  house_.now(tree.terminate_child("a"));
  EXPECT_EQ(house_.history(), "-a");
  house_.crashes("c");
  EXPECT_EQ(house_.history(), "~c -b +a +c");
  EXPECT_EQ(tree.count_children().specs, 2U);
}

// SUP-34
TEST_F(SupervisorStrategy, ARestartThatKeepsFailingEscalatesAndTheSiblingsGoToo) {
  supervisor tree{
      house_.node,
      "tree",
      {.supervision = at_once(weir::one_for_one, 3), .children = house_.children("ab")}};
  house_.starts(tree);
  house_.next_starts("a", std::vector(10, nursery::fails("no paper")));
  house_.crashes("a");
  EXPECT_EQ(house_.history(), "~a +a +a +a -b");
  EXPECT_THAT(chain_of(tree),
              ElementsAre("supervisor 'tree'",
                          "escalated the failure of 'a': more than 3 restarts within 30000 ms",
                          "no paper"));
}

// SUP-45
TEST_F(SupervisorStrategy, ALaterChildThatCantBeRestartedEscalatesInRestForOne) {
  supervisor tree{
      house_.node,
      "tree",
      {.supervision = at_once(weir::rest_for_one, 2), .children = house_.children("abc")}};
  house_.starts(tree);
  house_.next_starts("c", std::vector(10, nursery::fails()));
  house_.crashes("b");
  EXPECT_EQ(house_.history(), "~b -c +b +c +c -b -a");
  EXPECT_TRUE(tree.ended());
}

// SUP-31
TEST_F(SupervisorStrategy, RestartsThatAreFurtherApartThanThePeriodDontTrip) {
  supervisor tree{
      house_.node,
      "tree",
      {.supervision = at_once(weir::one_for_one, 1, 1s), .children = house_.children("a")}};
  house_.starts(tree);
  for (int k = 0; k < 4; ++k) {
    house_.crashes("a");
    EXPECT_EQ(house_.after(2100ms), "~a +a");
  }
  house_.crashes("a");
  house_.after(500ms);
  house_.crashes("a");
  house_.history();
  EXPECT_TRUE(tree.ended());
}

struct ends_case {
  const char* name;
  restart type;
  exit_reason reason;
  const char* then; ///< "restarted", "kept" (its spec is) or "forgotten"
};
class SupervisorExit : public testing::TestWithParam<ends_case> {};

// SUP-48, SUP-49, SUP-50, SUP-51, SUP-53, SUP-55, SUP-56, SUP-57
INSTANTIATE_TEST_SUITE_P(
    Of, SupervisorExit,
    testing::Values(
        ends_case{"PermanentNormal", restart::permanent, exit_reason::normal, "restarted"},
        ends_case{"PermanentShutdown", restart::permanent, exit_reason::shutdown, "restarted"},
        ends_case{"PermanentAbnormal", restart::permanent, exit_reason::failed, "restarted"},
        ends_case{"TransientNormal", restart::transient, exit_reason::normal, "kept"},
        ends_case{"TransientShutdown", restart::transient, exit_reason::shutdown, "kept"},
        ends_case{"TransientAbnormal", restart::transient, exit_reason::failed, "restarted"},
        ends_case{"TemporaryNormal", restart::temporary, exit_reason::normal, "forgotten"},
        ends_case{"TemporaryShutdown", restart::temporary, exit_reason::shutdown, "forgotten"},
        ends_case{"TemporaryAbnormal", restart::temporary, exit_reason::failed, "forgotten"}),
    [](const auto& one) { return one.param.name; });

TEST_P(SupervisorExit, IsFollowedByWhatTheTypeSays) {
  for (const auto how : {weir::one_for_one, weir::one_for_all, weir::rest_for_one}) {
    nursery house;
    supervisor tree{house.node,
                    "tree",
                    {.supervision = at_once(how),
                     .children = {house.child({.id = "a", .restart = GetParam().type})}}};
    house.starts(tree);
    house.ends("a", GetParam().reason);
    const std::string then = GetParam().then;
    EXPECT_EQ(house.history(), then == "restarted" ? "~a +a" : "~a");
    const auto known = tree.which_child("a");
    ASSERT_EQ(known.has_value(), then != "forgotten");
    if (known) {
      EXPECT_EQ(to_string(known->now), then == "restarted" ? "running" : "down");
    }
  }
}

// SUPX-6
TEST_F(SupervisorStrategy, RestartsBackOffAndBeginAnewAfterAQuietPeriod) {
  supervisor tree{house_.node,
                  "tree",
                  {.supervision = {.intensity = 100,
                                   .period = 30s,
                                   .delays = {.delay_min = 10ms, .delay_max = 40ms, .jitter = 0}},
                   .children = house_.children("a")}};
  house_.starts(tree);
  const auto takes = [&](std::chrono::milliseconds delay) {
    house_.crashes("a");
    EXPECT_EQ(house_.after(delay - 1ms), "~a");
    EXPECT_EQ(to_string(tree.which_child("a")->now), "restarting");
    EXPECT_EQ(house_.after(1ms), "+a");
  };
  for (const auto delay : {10ms, 20ms, 40ms, 40ms})
    takes(delay);
  house_.after(30s + 1ms);
  takes(10ms);
}

// SUPX-8
TEST_F(SupervisorStrategy, WhateverAStartThrowsIsAFailure) {
  const std::vector<std::pair<nursery::start, std::string>> throwing = {
      {[](const auto&) -> weir::start_answer { throw std::runtime_error{"broken"}; }, "broken"},
      {[](const auto&) -> weir::start_answer { throw 42; }, "int"},
      {[](const auto&) -> weir::start_answer { throw std::bad_alloc{}; }, "bad_alloc"}};
  for (const auto& [start, says] : throwing) {
    nursery house;
    supervisor tree{house.node,
                    "tree",
                    {.supervision = at_once(weir::one_for_one), .children = house.children("ab")}};
    house.starts(tree);
    house.next_starts("a", {start});
    house.crashes("a");
    EXPECT_EQ(house.history(), "~a +a +a");
    EXPECT_THAT(tree.which_child("a")->last_failure.message(), testing::HasSubstr(says));
  }
}

} // namespace
