#include "../running.hpp"

#include <weir/actors/sleep.hpp>
#include <weir/stages/awaitable.hpp>

#include <stdexcept>
#include <string>

// What is changed of a pipeline while it runs: stages that are paused, rates and limits.

namespace {

using namespace weir_test;
using state = weir::running_pipeline::state;

constexpr std::size_t endless = SIZE_MAX;

class Steering : public ThroughOneStage {
protected:
  weir::pipeline straight() {
    return through([](int n) { return n; });
  }
  void push_up_to(int count) {
    for (int n = 0; n < count; ++n)
      in_.push(n);
  }
  static std::string refusal(const weir::result<void>& answer) {
    return answer ? "it was done" : answer.error().message();
  }
};

TEST_F(Steering, ASourceThatIsPausedIsNotPolled) {
  running r{straight()};
  in_.push(1);
  r.settle();
  out_.expect({1});
  ASSERT_TRUE(r->pause("in"));
  EXPECT_TRUE(r.stage("in").paused);
  r.settle();
  const auto polls = in_.polls();
  in_.push(2, 3);
  r.pass(1h);
  EXPECT_EQ(in_.polls(), polls);
  out_.expect({});
  ASSERT_TRUE(r->resume("in"));
  r.settle();
  out_.expect({2, 3});
  EXPECT_FALSE(r.stage("in").paused);
  in_.complete();
  r.finishes();
}

TEST_F(Steering, AStageThatIsPausedLeavesItemsInItsMailboxAndBackPressureDoesTheRest) {
  running r{straight()};
  ASSERT_TRUE(r->pause("one"));
  push_up_to(10);
  r.pass(1h);
  out_.expect({});
  EXPECT_EQ(r.stage("one").backlog, 4U);
  EXPECT_EQ(in_.waiting(), 6U);
  ASSERT_TRUE(r->resume("one"));
  r.settle();
  out_.expect(up_to(10));
  in_.complete();
  r.finishes();
}

TEST_F(Steering, ASinkThatIsPausedStoresNothing) {
  running r{straight()};
  ASSERT_TRUE(r->pause("out"));
  push_up_to(10);
  r.pass(1h);
  out_.expect({});
  EXPECT_EQ(r.stage("out").backlog, 4U);
  EXPECT_EQ(r.stage("one").backlog, 4U);
  EXPECT_EQ(r.stage("one").processed, 4U);
  ASSERT_TRUE(r->resume("out"));
  r.settle();
  out_.expect(up_to(10));
}

TEST_F(Steering, WhatAStageHasSeveralOfInHandGoesOnToItsEnd) {
  running r{through(
      [](int n) -> boost::asio::awaitable<int> {
        co_await weir::sleep_for(1s);
        co_return n;
      },
      {.in_flight_max = 3})};
  push_up_to(10);
  r.settle();
  ASSERT_TRUE(r->pause("one"));
  r.pass(1h);
  out_.expect(up_to(3));
  EXPECT_EQ(r.stage("one").processed, 3U) << "it takes no other";
  EXPECT_GT(r.stage("one").backlog, 1U);
  ASSERT_TRUE(r->resume("one"));
  r.pass(1s);
  out_.expect({3, 4, 5});
  r.pass(1h);
  out_.expect({6, 7, 8, 9});
  in_.complete();
  r.finishes();
}

TEST_F(Steering, ARetryOfAnItemInHandIsNotHeldUpByAPause) {
  for (const std::uint32_t in_hand : {1U, 2U}) {
    running r{
        through([](int n) { return n; }, {},
                {.retry = {.attempts = 3, .immediate = 0, .delay_min = 1min, .delay_max = 1min},
                 .in_flight_max = in_hand})};
    out_.fail(weir::transient("later"), 2 * in_hand);
    push_up_to(4);
    r.settle();
    out_.expect({});
    ASSERT_TRUE(r->pause("out"));
    r.pass(1h);
    out_.expect(up_to(in_hand));
    ASSERT_TRUE(r->resume("out"));
    r.settle();
    out_.expect(in_hand == 1 ? std::vector{1, 2, 3} : std::vector{2, 3});
    r->drain();
    r.finishes();
  }
}

TEST_F(Steering, ABatchThatWasBegunGoesOnInItsTime) {
  sink_probe<weir::batch<int>> batches;
  weir::pipeline p{"p"};
  p.from("in", in_).batch("batch", {.size_max = 10, .delay_max = 1s}).to("out", batches);
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  in_.push(1, 2);
  r.settle();
  ASSERT_TRUE(r->pause("batch"));
  in_.push(3);
  r.pass(500ms);
  EXPECT_TRUE(batches.items().empty());
  r.pass(500ms);
  ASSERT_EQ(batches.items().size(), 1U);
  EXPECT_EQ(batches.take().front().items, (std::vector{1, 2}));
  r.pass(1h);
  EXPECT_TRUE(batches.items().empty());
  ASSERT_TRUE(r->resume("batch"));
  r.pass(1s);
  ASSERT_EQ(batches.items().size(), 1U);
  EXPECT_EQ(batches.take().front().items, std::vector{3});
}

TEST_F(Steering, ADrainLiftsEveryPause) {
  for (const auto* const stage : {"in", "one", "out"}) {
    weir::pipeline p{"p"};
    const collected<int> out;
    p.from("in", numbers(endless))
        .via("one", [](int n) { return n; }, {.mailbox_capacity = 4})
        .to("out", out.sink(), {.mailbox_capacity = 4, .rate = {.permits = 1, .per = 1s}});
    p.dead_letters_to(letters_);
    running r{std::move(p)};
    ASSERT_TRUE(r->pause(stage));
    r.pass(10s);
    r->drain();
    r.finishes();
    EXPECT_EQ(out.items(), up_to(r.ledger().admitted)) << stage;
    EXPECT_FALSE(r.stage(stage).paused);
    EXPECT_EQ(refusal(r->pause(stage)), "pipeline 'p' drains or has ended: stage '"
                                            + std::string{stage} + "' can't be paused any more");
    EXPECT_FALSE(r.stage(stage).paused);
  }
}

TEST_F(Steering, AnAbortEndsAPausedPipeline) {
  running r{straight()};
  ASSERT_TRUE(r->pause("one"));
  push_up_to(10);
  r.settle();
  r->abort();
  EXPECT_EQ(r.ended(), state::failed);
  out_.expect({});
}

TEST_F(Steering, ARestartKeepsThePause) {
  running r{straight()};
  ASSERT_TRUE(r->pause("one"));
  push_up_to(3);
  r.settle();
  r->kill(1);
  r.pass(1h);
  EXPECT_EQ(r.stage("one").restarts, 1U);
  out_.expect({});
  ASSERT_TRUE(r->resume("one"));
  r.settle();
  out_.expect(up_to(3));
}

TEST_F(Steering, AStageThatThereIsNotIsAnsweredWithThoseThatThereAre) {
  running r{straight()};
  const auto* const sentence = "pipeline 'p' has no stage 'on', but 'in', 'one', 'out'";
  EXPECT_EQ(refusal(r->pause("on")), sentence);
  EXPECT_EQ(refusal(r->resume("on")), sentence);
  EXPECT_EQ(refusal(r->set_rate("on", {})), sentence);
  EXPECT_EQ(refusal(r->set_in_flight_max("on", 1)), sentence);
  EXPECT_TRUE(r->resume("one")) << "it was not paused, and isn't";
}

TEST_F(Steering, APipelineThatWasNotStartedIsNotSteered) {
  weir::virtual_runtime node;
  weir::running_pipeline r{straight(), node};
  EXPECT_EQ(refusal(r.pause("one")), "pipeline 'p' does not run");
}

TEST_F(Steering, ARateHoldsFromItsChangeOn) {
  weir::pipeline p{"p"};
  const collected<int> out;
  p.from("in", numbers(endless))
      .to("out", out.sink(), {.mailbox_capacity = 4, .rate = {.permits = 10, .per = 1s}});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.pass(10s);
  EXPECT_EQ(out.size(), 100U);
  ASSERT_TRUE(r->set_rate("out", {.permits = 100, .per = 1s}));
  EXPECT_EQ(out.size(), 100U);
  r.pass(10s);
  EXPECT_EQ(out.size(), 1100U);
  ASSERT_TRUE(r->set_rate("out", {.permits = 1, .per = 1s, .burst = 50}));
  r.settle();
  EXPECT_EQ(out.size(), 1100U) << "no burst is gained";
  r.pass(10s);
  EXPECT_EQ(out.size(), 1110U);
  EXPECT_EQ(r.stage("out").rate, (weir::rate_limit{.permits = 1, .per = 1s, .burst = 50}));
}

TEST_F(Steering, AStageGetsARateThatItDidNotHaveAndLosesIt) {
  for (const std::uint32_t in_hand : {1U, 2U}) { // in slices, and one by one
    running r{through([](int n) { return n; }, {.in_flight_max = in_hand})};
    ASSERT_TRUE(r->set_rate("one", {.permits = 1, .per = 1s}));
    push_up_to(10);
    r.settle();
    out_.expect({});
    r.pass(3s);
    out_.expect(up_to(3));
    ASSERT_TRUE(r->set_rate("one", {}));
    r.settle();
    out_.expect({3, 4, 5, 6, 7, 8, 9});
    r->drain();
    r.finishes();
  }
}

TEST_F(Steering, APauseAndARateHoldTogether) {
  running r{through([](int n) { return n; }, {.rate = {.permits = 1, .per = 1s}})};
  push_up_to(10);
  r.pass(2s);
  ASSERT_TRUE(r->pause("one"));
  r.pass(1h);
  out_.expect(up_to(2));
  ASSERT_TRUE(r->resume("one"));
  r.settle();
  out_.expect({2});
  r.pass(2s);
  out_.expect({3, 4});
}

TEST_F(Steering, ChangesThatAreOutOfBoundsAreRefusedAndChangeNothing) {
  running r{
      through([](int n) { return n; }, {.in_flight_max = 3, .rate = {.permits = 5, .per = 1s}})};
  EXPECT_EQ(refusal(r->set_rate("one", {.permits = 1, .per = 0ms})),
            "stage 'one': rate.per must be 1 to 365 days, not 0 ms");
  EXPECT_EQ(refusal(r->set_in_flight_max("one", 0)),
            "stage 'one': in_flight_max must be 1 to 1,048,576, not 0 items");
  EXPECT_EQ(refusal(r->set_in_flight_max("one", 4)),
            "stage 'one': in_flight_max must be 1 to 3, with which it was built, not 4");
  EXPECT_EQ(refusal(r->set_in_flight_max("in", 2)),
            "stage 'in': in_flight_max is for functions, for sinks of single items, and for those "
            "that settle later: this takes one at a time");
  EXPECT_EQ(refusal(r->set_retry_attempts("one", 0)),
            "stage 'one': retry.attempts must be at least 1, not 0");
  EXPECT_EQ(refusal(r->set_timeout("one", 1s)),
            "stage 'one': timeout is for what is awaitable and for sinks that settle later: "
            "nothing else can be interrupted");
  EXPECT_EQ(
      refusal(r->set_item_time_max("one", 1s)),
      "stage 'one' was built without an item_time_max, which can only be changed to another time");
  const auto now = r.stage("one");
  EXPECT_EQ(now.rate, (weir::rate_limit{.permits = 5, .per = 1s}));
  EXPECT_EQ(now.in_flight_max, 3U);
  EXPECT_EQ(now.retry_attempts, 3U);
  EXPECT_EQ(now.timeout, 0ms);
  EXPECT_EQ(now.item_time_max, 0ms);
}

TEST_F(Steering, FewerItemsInFlightAreTakenFromTheChangeOn) {
  running r{through(
      [](int n) -> boost::asio::awaitable<int> {
        co_await weir::sleep_for(1s);
        co_return n;
      },
      {.in_flight_max = 4})};
  push_up_to(20);
  r.settle();
  ASSERT_TRUE(r->set_in_flight_max("one", 1));
  r.pass(1s);
  out_.expect(up_to(4));
  r.pass(3s);
  out_.expect({4, 5, 6});
  ASSERT_TRUE(r->set_in_flight_max("one", 4));
  r.pass(1s);
  EXPECT_EQ(r.stage("one").in_flight_max, 4U);
  out_.expect({7, 8, 9}); // as many as were in its mailbox
}

TEST_F(Steering, TheTimeForOneRunIsChanged) {
  running r{through(
      [](int n) -> boost::asio::awaitable<weir::result<int>> {
        co_await weir::sleep_for(1min);
        co_return n;
      },
      {.retry = at_once(1), .timeout = 2min})};
  ASSERT_TRUE(r->set_timeout("one", 30s));
  in_.push(1);
  r.pass(1h);
  out_.expect({});
  EXPECT_EQ(r.stage("one").dead_lettered, 1U);
  ASSERT_TRUE(r->set_timeout("one", 0ms));
  in_.push(2);
  r.pass(1h);
  out_.expect({2});
}

TEST_F(Steering, AnItemIsRunAsOftenAsTheChangeSays) {
  running r{through([](int n) { return n; }, {}, {.retry = at_once(2)})};
  ASSERT_TRUE(r->set_retry_attempts("out", 5));
  out_.fail(weir::transient("later"), 4);
  in_.push(1);
  r.pass(1s);
  out_.expect({1});
  ASSERT_TRUE(r->set_retry_attempts("out", 1));
  out_.fail(weir::transient("later"));
  in_.push(2, 3);
  r.pass(1s);
  out_.expect({3});
  EXPECT_EQ(r.stage("out").dead_lettered, 1U);
}

} // namespace
