#include "../running.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

/// Stages that wait for nothing, with more than one item in hand.
namespace {

using namespace weir_test;
using weir::result;
using state = weir::running_pipeline::state;

/// What a stage says of an item; `run` counts the runs of that item from 1.
using saying = std::function<result<int>(int item, int run)>;

class SideBySide : public testing::Test {
protected:
  static constexpr std::size_t count = 20;

  weir::pipeline through(saying says, weir::stage_options options,
                         weir::pipeline_options how = restarting()) {
    weir::pipeline p{"side-by-side", how};
    p.from("numbers", numbers(count))
        .via(
            "stage",
            [this, says = std::move(says)](int n) -> result<int> { return says(n, ++runs_[n]); },
            options)
        .to("sink", out_.sink());
    p.dead_letters_to(letters_);
    return p;
  }
  std::size_t items_begun() const { return runs_.size(); }
  std::vector<std::string> dead_lettered() const {
    std::vector<std::string> payloads;
    for (const auto& one : letters_.letters())
      payloads.push_back(one.payload);
    return payloads;
  }

  std::map<int, int> runs_;
  collected<int> out_;
  weir::dead_letters::memory letters_;
};

/// Item 3 waits an hour for its third run.
result<int> busy_line(int n, int run) {
  if (n == 3 && run < 3)
    return weir::transient("the line is busy");
  return n;
}
constexpr weir::retry_policy hourly{.delay_min = 1h, .delay_max = 1h, .jitter = 0};

TEST_F(SideBySide, AnItemThatWaitsForItsRetryDoesNotHoldUpTheOthers) {
  running r{
      through(busy_line, {.retry = hourly, .in_flight_max = 4, .order = weir::order::relaxed})};
  EXPECT_EQ(out_.items(), up_to(count, [](int n) { return n != 3; }));
  r.pass(1h);
  EXPECT_EQ(out_.items().back(), 3);
  EXPECT_EQ(out_.size(), count);
  r.finishes();
}

TEST_F(SideBySide, TheOrderIsKeptUnlessItIsRelaxed) {
  running r{through(busy_line, {.retry = hourly, .in_flight_max = 4})};
  EXPECT_EQ(out_.items(), up_to(3)) << "those behind it wait for it";
  EXPECT_EQ(items_begun(), count) << "but they were run";
  r.pass(1h);
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(count));
}

TEST_F(SideBySide, WithOnePlaceAnItemHoldsUpAllBehindIt) {
  running r{through(busy_line, {.retry = hourly})};
  EXPECT_EQ(items_begun(), 4U);
  r.pass(1h);
  r.finishes();
}

TEST_F(SideBySide, NoMoreItemsAreInHandThanThereArePlaces) {
  running r{through(
      [](int, int run) -> result<int> {
        if (run < 3)
          return weir::transient("all lines are busy");
        return 0;
      },
      {.retry = hourly, .in_flight_max = 4})};
  EXPECT_EQ(runs_, (std::map<int, int>{{0, 2}, {1, 2}, {2, 2}, {3, 2}}));
  r.pass(1h);
  EXPECT_EQ(items_begun(), 8U);
  r.finishes();
}

TEST_F(SideBySide, ItemsInHandAreWithinTheMailboxInOrderOrNot) {
  for (const auto order : {weir::order::kept, weir::order::relaxed}) {
    runs_.clear();
    running r{through(
        [](int n, int run) -> result<int> {
          if (n == 0 && run < 3)
            return weir::transient("the first one");
          return n;
        },
        {.mailbox_capacity = 5, .retry = hourly, .in_flight_max = 2, .order = order})};
    EXPECT_EQ(items_begun(), 5U) << "a place in the mailbox is given back in order";
    r.pass(1h);
    r.finishes();
    EXPECT_EQ(items_begun(), count);
  }
}

TEST_F(SideBySide, WhatIsRunAgainAtTheSameTimeIsRunInTurnsAsLongAsAllOthers) {
  constexpr std::size_t turn = 6;
  weir::virtual_runtime node{{.turn_items = turn}};
  std::size_t runs = 0;
  weir::running_pipeline r{through(
                               [&](int n, int run) -> result<int> {
                                 ++runs;
                                 if (run < 3)
                                   return weir::transient("all lines are busy");
                                 return n;
                               },
                               {.retry = hourly, .in_flight_max = count}),
                           node};
  ASSERT_TRUE(r.start());
  node.run_until_idle();
  EXPECT_EQ(runs, 2 * count);
  node.jump(1h);
  std::size_t most = 0;
  for (auto before = runs; node.step(); before = runs)
    most = std::max(most, runs - before);
  EXPECT_EQ(runs, 3 * count);
  EXPECT_EQ(most, turn);
  EXPECT_EQ(r.wait(), state::finished);
  EXPECT_EQ(out_.items(), up_to(count));
}

TEST_F(SideBySide, AnItemThatFailsWithoutEndHoldsUpNoOtherThatIsRunAgain) {
  weir::virtual_runtime node{
      {.turn_items = 4, .slice_items = [](std::size_t) { return std::size_t{1}; }},
      {.job = [next = 0U](std::size_t jobs) mutable { return next++ % jobs; }}};
  weir::running_pipeline r{
      through(
          [](int n, int run) -> result<int> {
            if (n < 3 || run < 3)
              return weir::transient("not now");
            return n;
          },
          {.retry = at_once(weir::unlimited), .in_flight_max = 8, .order = weir::order::relaxed}),
      node};
  ASSERT_TRUE(r.start());
  for (int k = 0; k < 10'000 && out_.size() < 4; ++k)
    node.step();
  EXPECT_GE(out_.size(), 4U);
  r.abort();
  node.run_until_idle();
}

TEST_F(SideBySide, ATransientFailureIsTriedAgainAtOnceThenAfterGrowingDelays) {
  std::vector<weir::time_point> tries;
  running r{through(
      [&](int n, int) -> result<int> {
        if (n != 5)
          return n;
        tries.push_back(weir::clock::now());
        return weir::transient("not yet");
      },
      {.retry = {.attempts = 5, .delay_min = 1s, .delay_max = 3s, .jitter = 0},
       .in_flight_max = 2})};
  r.finishes();
  ASSERT_EQ(tries.size(), 5U);
  const std::vector<weir::clock::duration> waits{tries[1] - tries[0], tries[2] - tries[1],
                                                 tries[3] - tries[2], tries[4] - tries[3]};
  EXPECT_EQ(waits, (std::vector<weir::clock::duration>{0s, 1s, 2s, 3s}));
  EXPECT_EQ(dead_lettered(), std::vector<std::string>{"5"});
  EXPECT_EQ(letters_.letters().front().attempts, 5U);
}

TEST_F(SideBySide, TheTimeBeforeARetryBeginsWhenTheRunHasEnded) {
  std::vector<weir::clock::time_point> ended;
  weir::pipeline p{"slow"};
  p.from("numbers", numbers(1))
      .via("stage",
           [&](int n, weir::context& where) -> result<int> {
             if (!ended.empty()) {
               EXPECT_GE(weir::clock::now() - ended.back(), 500ms);
               return n;
             }
             dynamic_cast<weir::virtual_runtime&>(where.node()).jump(1s);
             ended.push_back(weir::clock::now());
             return weir::transient("too many requests", 500ms);
           },
           {.retry = {.attempts = 3, .delay_min = 0ms, .jitter = 0}, .in_flight_max = 2})
      .to("sink", out_.sink());
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.finishes();
  EXPECT_EQ(out_.size(), 1U);
}

TEST_F(SideBySide, TheTimeTheOtherSideAskedForIsKeptAlsoForTheFirstRetry) {
  std::vector<weir::time_point> tries;
  running r{through(
      [&](int n, int run) -> result<int> {
        if (n != 5)
          return n;
        tries.push_back(weir::clock::now());
        if (run == 1)
          return weir::transient("too many requests", 7s);
        return n;
      },
      {.in_flight_max = 2})};
  r.finishes();
  ASSERT_EQ(tries.size(), 2U);
  EXPECT_EQ(tries[1] - tries[0], 7s);
}

TEST_F(SideBySide, EveryRunTakesAPermit) {
  running r{through(
      [](int n, int run) -> result<int> {
        if (run == 1)
          return weir::transient("once");
        return n;
      },
      {.retry = at_once(), .in_flight_max = 4, .rate = {.permits = 1, .per = 1s, .burst = 1}})};
  const auto before = r.node().now();
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(count));
  EXPECT_GE(r.node().now() - before, (2 * count - 1) * 1s);
}

TEST_F(SideBySide, PoisonAndExceptionsEndAsInAnyStage) {
  running r{through(
      [](int n, int) -> result<int> {
        if (n == 3)
          return weir::poison("never");
        if (n == 7)
          throw std::runtime_error{"ouch"};
        return n;
      },
      {.retry = at_once(), .in_flight_max = 3})};
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(count, [](int n) { return n != 3 && n != 7; }));
  EXPECT_EQ(dead_lettered(), (std::vector<std::string>{"3", "7"}));
  EXPECT_EQ(runs_[7], 3);
  EXPECT_EQ(r.stage("stage").restarts, 3U);
  EXPECT_EQ(r.stage("stage").processed, count - 2);
}

TEST_F(SideBySide, AStageThatThrowsOnEverythingIsGivenUp) {
  running r{through([](int, int) -> result<int> { throw std::runtime_error{"no licence"}; },
                    {.retry = at_once(), .in_flight_max = 3})};
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(out_.size(), 0U);
}

TEST_F(SideBySide, ASuccessForgivesWhatItemsBehindAnEarlierOneWereChargedWith) {
  // Of three items one succeeds, and the two behind it fail in the same turn: that is never more than two restarts.
  auto how = restarting();
  how.supervision.intensity = 3;
  running r{through(
      [](int n, int) -> result<int> {
        if (n % 3 != 1)
          return weir::transient("refused");
        return n;
      },
      {.retry = {.attempts = 1}, .in_flight_max = 4}, how)};
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(count, [](int n) { return n % 3 == 1; }));
}

TEST_F(SideBySide, AfterARestartItemsAreTakenOneAtATimeAtFirst) {
  // Items that wait for an hour show how many places were taken: their first two runs are at once.
  bool crash = true;
  running r{through(
      [&](int n, int) -> result<int> {
        if (n == 2 && std::exchange(crash, false))
          throw std::runtime_error{"once"};
        if (n >= 4)
          return weir::transient("from four on");
        return n;
      },
      {.retry = {.attempts = 3, .delay_min = 1h, .delay_max = 1h, .jitter = 0},
       .in_flight_max = 8})};
  EXPECT_EQ(out_.items(), up_to(4));
  EXPECT_EQ(items_begun(), 4U + 3U) << "one place, and one more for each of the two successes";
  r.finishes();
}

TEST_F(SideBySide, OneItemMayLeadToManyOrToNone) {
  collected<int> out;
  weir::pipeline p{"many"};
  p.from("numbers", numbers(4))
      .via("stage",
           [](const int& n, weir::emitter<int>& emit, weir::context&) -> result<void> {
             for (int k = 0; k < n; ++k)
               emit(n);
             return {};
           },
           {.in_flight_max = 2})
      .to("sink", out.sink(), {.mailbox_capacity = 1});
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  EXPECT_EQ(out.items(), (std::vector<int>{1, 2, 2, 3, 3, 3}));
  EXPECT_EQ(done.ledger.acknowledged, 3U);
  EXPECT_EQ(done.ledger.filtered, 1U);
}

TEST_F(SideBySide, ASinkGoesOnBesideAnItemThatWaits) {
  weir::pipeline p{"sinking"};
  p.from("numbers", numbers(count))
      .to("sink",
          [this](const int& n) -> result<void> {
            if (n == 3 && ++runs_[n] < 3)
              return weir::transient("locked");
            if (n == 4)
              return weir::poison("refused");
            out_.add(n);
            return {};
          },
          {.retry = hourly, .in_flight_max = 2});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  EXPECT_EQ(out_.items(), up_to(count, [](int n) { return n != 3 && n != 4; }));
  EXPECT_EQ(r.ledger().acknowledged, 3U) << "settled in order";
  r.pass(1h);
  r.finishes();
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{
                            .admitted = count, .acknowledged = count - 1, .dead_lettered = 1}));
}

/// Says a word in the turn after each item, before it takes the next one.
struct talkative {
  using input = int;
  using output = int;
  bool spoke = true;
  void on_item(const int& n, weir::emitter<int>& out, weir::context&) {
    out(n);
    spoke = false;
  }
  void on_timer(weir::emitter<int>& out, weir::context&) {
    if (!std::exchange(spoke, true))
      out(-1);
  }
};

TEST_F(SideBySide, ATurnInWhichOnlyTheTimerHadCreditIsNoMailboxsTurn) {
  collected<int> out;
  weir::pipeline p{"talkative"};
  auto both = p.merge(
      p.from("left", numbers(count)),
      p.from("right", counted{count, [](std::size_t n) { return 100 + static_cast<int>(n); }}));
  std::move(both)
      .via("stage", talkative{}, {.mailbox_capacity = 2})
      .to("sink", out.sink(), {.mailbox_capacity = 1});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.finishes();
  auto items = out.items();
  std::erase(items, -1);
  ASSERT_EQ(items.size(), 2 * count);
  items.resize(count); // the first half
  EXPECT_GE(std::ranges::count_if(items, [](int n) { return n < 100; }), 5);
  EXPECT_GE(std::ranges::count_if(items, [](int n) { return n >= 100; }), 5);
}

} // namespace
