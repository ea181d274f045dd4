#include "../supervision/recorder_file.hpp"
#include "replaying.hpp"
#include "troubled_queue.hpp"

#include <csignal>
#include <random>
#include <stdexcept>

#include <gmock/gmock.h>
#include <unistd.h>

namespace {

using namespace weir_test;
using testing::ElementsAre;
using testing::UnorderedElementsAre;
using state = weir::running_pipeline::state;
using strings = std::vector<std::string>;

class Replay : public Replaying {};

TEST_F(Replay, GoesInAgainAtTheStageThatFailed) {
  second.set({1, 3});
  running r{pipeline()};
  source.push(0, 1, 2, 3, 4);
  dead(r, 2);
  second.mend();
  const auto came = outcome(r->replay());
  EXPECT_EQ(came.requested, 2U);
  EXPECT_EQ(came.succeeded, 2U);
  EXPECT_EQ(came.failed_again, 0U);
  EXPECT_EQ(to_string(came), "2 requested: 2 succeeded, 0 failed again");
  EXPECT_EQ(first.runs(1), 1) << "the stages before it don't see it again";
  EXPECT_EQ(second.runs(1), 2);
  EXPECT_THAT(kept(), ElementsAre());
  source.complete();
  r.finishes();
  EXPECT_THAT(done.items(), ElementsAre(0, 2, 4, 1, 3));
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{
                            .admitted = 5, .replayed = 2, .acknowledged = 5, .dead_lettered = 2}));
}

TEST_F(Replay, WhatFailsAgainIsBackWhereItWasAndCounted) {
  second.set({1, 3});
  running r{pipeline()};
  source.push(0, 1, 2, 3, 4);
  dead(r, 2);
  second.set({3});
  const auto came = outcome(r->replay());
  EXPECT_EQ(came.succeeded, 1U);
  EXPECT_EQ(came.failed_again, 1U);
  EXPECT_THAT(kept(), ElementsAre("second numbers:4=3 attempts 2 replays 1 kept"));
  EXPECT_EQ(letters.letters().front().id, 2U) << "it is the same letter";
  source.complete();
  r.finishes();
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{
                            .admitted = 5, .replayed = 2, .acknowledged = 4, .dead_lettered = 3}));
}

TEST_F(Replay, IsInTheAuditWithTheTimeOfItsNode) {
  second.set({1, 3});
  running r{pipeline()};
  source.push(1, 3);
  r.pass(1h);
  second.set({3});
  const auto then = r.node().runtime().wall_clock();
  ASSERT_TRUE(r->replay());
  r.settle();
  r.pass(1h);
  const auto lines = letters.audit(0, 10);
  ASSERT_TRUE(lines);
  strings what;
  for (const auto& line : *lines) {
    what.push_back(line.what);
    EXPECT_EQ(line.at, then) << line.what;
  }
  EXPECT_THAT(what, UnorderedElementsAre("replay", "replayed", "failed again"));
}

TEST_F(Replay, WhatFailsInALaterStageIsALetterOfThatStage) {
  first.set({1});
  second.set({1});
  running r{pipeline()};
  source.push(0, 1);
  dead(r, 1);
  first.mend();
  EXPECT_EQ(outcome(r->replay()).failed_again, 1U);
  EXPECT_THAT(kept(), ElementsAre("second numbers:2=1 attempts 1 replays 1 kept"));
  second.mend();
  EXPECT_EQ(outcome(r->replay()).succeeded, 1U);
  EXPECT_THAT(done.items(), ElementsAre(0, 1));
  EXPECT_THAT(kept(), ElementsAre());
}

TEST_F(Replay, AskedForTwiceItIsDoneOnce) {
  second.set({1, 2, 3});
  running r{pipeline()};
  source.push(1, 2, 3);
  dead(r, 3);
  second.mend();
  *meanwhile = [&] { EXPECT_TRUE(letters.request_replay({}, {}, {"somebody else"})); };
  const auto once = r->replay();
  const auto twice = r->replay();
  EXPECT_EQ(outcome(once).succeeded, 3U);
  const auto second_time = outcome(twice);
  EXPECT_EQ(second_time.requested + second_time.succeeded, 0U);
  EXPECT_EQ(outcome(r->replay()).requested, 0U);
  at_rest(r);
  EXPECT_THAT(done.items(), ElementsAre(1, 2, 3));
  EXPECT_EQ(r.ledger().replayed, 3U);
}

TEST_F(Replay, TheLoopGuardLeavesOutWhatFailedTooOften) {
  second.set({1});
  running r{pipeline()};
  source.push(1);
  dead(r, 1);
  EXPECT_EQ(outcome(r->replay({}, {.replays_max = 2})).failed_again, 1U);
  EXPECT_EQ(outcome(r->replay({}, {.replays_max = 2})).failed_again, 1U);
  const auto guarded = outcome(r->replay({}, {.replays_max = 2}));
  EXPECT_EQ(guarded.requested, 0U);
  EXPECT_EQ(guarded.too_often, 1U);
  EXPECT_EQ(second.runs(1), 3);
  EXPECT_EQ(outcome(r->replay({}, {.replays_max = 2, .forced = true})).failed_again, 1U);
  EXPECT_THAT(kept(), ElementsAre("second numbers:1=1 attempts 4 replays 3 kept"));
}

TEST_F(Replay, ADryRunTellsTheCausesAndRunsNothing) {
  second.set({1, 2, 3, 5});
  running r{pipeline()};
  source.push(1, 2, 3, 4, 5);
  dead(r, 4);
  const auto before = kept();
  const auto came = outcome(r->replay({}, {.dry_run = true}));
  EXPECT_EQ(came.requested, 4U);
  EXPECT_THAT(came.causes, ElementsAre(weir::dead_letter_count{"second", "broken 1", 3},
                                       weir::dead_letter_count{"second", "broken 0", 1}));
  EXPECT_EQ(kept(), before);
  EXPECT_EQ(second.runs(1), 1);
  EXPECT_EQ(r.ledger().replayed, 0U);
}

TEST_F(Replay, TheFilterSaysWhich) {
  second.set({1, 2, 3});
  running r{pipeline()};
  source.push(1, 2, 3);
  dead(r, 3);
  second.mend();
  EXPECT_EQ(outcome(r->replay({.cause = "broken 0"})).succeeded, 1U);
  EXPECT_EQ(outcome(r->replay({.ids = {3}})).succeeded, 1U);
  EXPECT_EQ(outcome(r->replay({.stage = "first"})).requested, 0U);
  EXPECT_THAT(done.items(), ElementsAre(2, 3));
  EXPECT_THAT(kept(), ElementsAre("second numbers:1=1 attempts 1 replays 0 kept"));
  const auto other = r->replay({.pipeline = "payments"});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().message(), "this is pipeline 'orders', not 'payments'");
}

TEST_F(Replay, AnEditedPayloadIsWhatRuns) {
  second.set({1});
  running r{pipeline()};
  source.push(1);
  dead(r, 1);
  ASSERT_TRUE(letters.edit(1, "17", {"a person"}));
  EXPECT_EQ(outcome(r->replay()).succeeded, 1U);
  EXPECT_THAT(done.items(), ElementsAre(17));
}

TEST_F(Replay, WhatCantBeReadStaysAndSaysWhy) {
  second.set({1, 2});
  running r{pipeline()};
  source.push(1, 2);
  dead(r, 2);
  second.mend();
  ASSERT_TRUE(letters.edit(1, "seventeen", {"a person"}));
  const auto came = outcome(r->replay());
  EXPECT_EQ(came.succeeded, 1U);
  EXPECT_EQ(came.unreadable, 1U);
  ASSERT_EQ(came.reasons.size(), 1U);
  EXPECT_THAT(came.reasons.front(), testing::StartsWith("letter 1: "));
  EXPECT_THAT(kept(), ElementsAre("second numbers:1=seventeen attempts 1 replays 0 kept"))
      << "and is not asked for any more";
  EXPECT_THAT(done.items(), ElementsAre(2));
}

TEST_F(Replay, ALetterOfAnotherProgramStaysAndSaysWhy) {
  weir::dead_letter old{.pipeline = "orders",
                        .stage = "third",
                        .source = "numbers",
                        .position = 1,
                        .payload = "1",
                        .payload_type = "int",
                        .first_failed_at = {},
                        .last_failed_at = {},
                        .why = weir::poison("old")};
  ASSERT_TRUE(letters.put({&old, 1}));
  old.stage = "second";
  old.payload_type = "double";
  ASSERT_TRUE(letters.put({&old, 1}));
  old.stage = "numbers";
  ASSERT_TRUE(letters.put({&old, 1}));
  running r{pipeline()};
  const auto came = outcome(r->replay());
  EXPECT_EQ(came.unreadable, 3U);
  EXPECT_THAT(came.reasons,
              ElementsAre("letter 1: the pipeline has no stage 'third'",
                          "letter 2: its payload is a double, but stage 'second' takes int",
                          "letter 3: stage 'numbers' takes no items"));
}

TEST_F(Replay, ATurnTakesABoundedNumberOfLetters) {
  std::vector<weir::dead_letter> old;
  for (std::uint64_t n = 1; n <= 300; ++n)
    old.push_back({.pipeline = "orders",
                   .stage = "third",
                   .source = "numbers",
                   .position = n,
                   .payload = "1",
                   .payload_type = "int",
                   .attempts = 1,
                   .first_failed_at = {},
                   .last_failed_at = {},
                   .why = weir::poison("old")});
  ASSERT_TRUE(letters.put(old));
  const auto store = std::make_shared<troubled_queue>(letters);
  int told = 0;
  store->trouble = [&](std::string_view call) -> weir::result<void> {
    told += call == "withdraw" ? 1 : 0;
    return {};
  };
  running r{pipeline(store)};
  const auto asked = r->replay();
  r.settle();
  EXPECT_EQ((*asked)->outcome().unreadable, 300U);
  EXPECT_EQ(told, 5) << "64 at a time";
  r->abort();
  r.settle();
}

TEST_F(Replay, ATypeOfAnotherNameIsTakenWhereThatIsSaid) {
  second.set({1, 2});
  running r{pipeline()};
  source.push(1, 2);
  dead(r, 2);
  second.mend();
  auto renamed = letters.letters().front();
  renamed.position = 77;
  renamed.payload = "7";
  renamed.payload_type = "number";
  ASSERT_TRUE(letters.put({&renamed, 1}));
  EXPECT_EQ(outcome(r->replay()).unreadable, 1U);
  EXPECT_EQ(outcome(r->replay({}, {.check_type = false})).succeeded, 1U);
  EXPECT_THAT(done.items(), UnorderedElementsAre(1, 2, 7));
}

TEST_F(Replay, WhatOthersAskedForBeforeTheStartIsReplayedThen) {
  {
    second.set({1, 2});
    running r{pipeline()};
    source.push(1, 2);
    source.complete();
    r.finishes();
  }
  second.mend();
  source = {};
  source.complete();
  ASSERT_TRUE(letters.request_replay({.ids = {2}}, {}, {"a person with a tool"}));
  // The source has nothing any more, and still what was asked for is done.
  running r{pipeline()};
  r.finishes();
  EXPECT_THAT(done.items(), ElementsAre(2));
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{.replayed = 1, .acknowledged = 1}));
  EXPECT_THAT(kept(), ElementsAre("second numbers:1=1 attempts 1 replays 0 kept"));
}

TEST_F(Replay, WhatOthersAskForIsReplayedWhenItLooks) {
  second.set({1});
  running r{pipeline()};
  source.push(1);
  dead(r, 1);
  second.mend();
  ASSERT_TRUE(letters.request_replay({}, {}, {"a person with a tool"}));
  r->look_for_replays();
  r.settle();
  EXPECT_EQ(done.size(), 1U);
  source.complete();
  r.finishes();
  EXPECT_THAT(kept(), ElementsAre());
}

TEST_F(Replay, WhatGoesOnWhenTheSourceEndsIsFinished) {
  second.set({1, 2, 3});
  running r{pipeline()};
  source.push(1, 2, 3);
  dead(r, 3);
  second.mend();
  *meanwhile = [&] { source.complete(); };
  const auto replay = r->replay();
  r.finishes();
  EXPECT_EQ(outcome(replay).succeeded, 3U);
  EXPECT_THAT(done.items(), ElementsAre(1, 2, 3));
  const auto late = r->replay();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().message(), "pipeline 'orders' is ending and takes nothing in any more");
}

TEST_F(Replay, ADrainLeavesWhatHasNotBegunAskedFor) {
  constexpr int count = 100;
  std::set<int> all;
  for (int n = 0; n < count; ++n)
    all.insert(n);
  second.set(all);
  running r{pipeline()};
  push(up_to(count));
  dead(r, count);
  second.mend();
  *meanwhile = [&] { r->drain(); };
  const auto replay = r->replay();
  r.finishes();
  const auto came = outcome(replay);
  EXPECT_GE(came.succeeded, 1U);
  // Of those whose turn had not come, only the claimed ones are given back: there may be none.
  EXPECT_LT(came.succeeded, static_cast<std::uint64_t>(count));
  EXPECT_EQ(came.succeeded, done.size());
  EXPECT_EQ(letters.letters().size(), count - came.succeeded);
  for (const auto& one : letters.letters())
    EXPECT_EQ(one.state, weir::dead_letter_state::requested);

  // The next life goes on where this one ended.
  source = {};
  running next{pipeline()};
  source.complete();
  next.finishes();
  EXPECT_EQ(done.items(), up_to(count));
  EXPECT_THAT(kept(), ElementsAre());
}

TEST_F(Replay, AfterAnAbortWhatWasInThePipelineIsReplayedAgain) {
  second.set({1, 2, 3});
  {
    running r{pipeline()};
    source.push(1, 2, 3);
    dead(r, 3);
    second.mend();
    *meanwhile = [&] { r->abort(); };
    EXPECT_TRUE(r->replay());
    EXPECT_EQ(r.ended(), state::failed);
  }
  const auto gone_through = done.size();
  EXPECT_EQ(letters.letters().size(), 3U - gone_through);
  source = {};
  source.complete();
  running r{pipeline()};
  r.finishes();
  EXPECT_THAT(done.items(), UnorderedElementsAre(1, 2, 3));
  EXPECT_THAT(kept(), ElementsAre());
}

TEST_F(Replay, IsAskedForInThreeLines) {
  second.set({1, 3});
  running r{pipeline()};
  source.push(0, 1, 2, 3, 4);
  dead(r, 2);
  second.mend();
  // [replay]
  const auto asked = r->replay({.cause = "broken"}, {.rate = {.permits = 100, .per = 1s}});
  ASSERT_TRUE(asked) << asked.error().message();
  (*asked)->wait_until(weir::clock::now() + 1min);
  EXPECT_EQ(to_string((*asked)->outcome()), "2 requested: 2 succeeded, 0 failed again");
  // [replay]
}

TEST_F(Replay, TheRateIsKept) {
  running r{pipeline()};
  std::set<int> all;
  for (int n = 0; n < 40; ++n)
    all.insert(n);
  second.set(all);
  push(up_to(40));
  r.settle();
  EXPECT_EQ(r->snapshot().ledger.dead_lettered, 40U);
  second.mend();
  const auto replay = r->replay({}, {.rate = {.permits = 10, .per = 1s}});
  ASSERT_TRUE(replay);
  for (std::size_t seconds = 1; seconds <= 3; ++seconds) {
    r.pass(1s);
    EXPECT_EQ(done.size(), 10 * seconds);
    EXPECT_TRUE(r->snapshot().ledger.balanced()) << to_string(r->snapshot().ledger);
  }
  EXPECT_FALSE((*replay)->finished());
  r.pass(1s);
  EXPECT_TRUE((*replay)->finished());
  EXPECT_EQ(done.items(), up_to(40));
}

TEST_F(Replay, TheLedgerIsBalancedAfterEveryStep) {
  running r{pipeline()};
  second.set({1, 4, 9, 16, 25, 36, 49});
  push(up_to(50));
  std::size_t steps = 0;
  std::uint64_t most = 0;
  const auto go_on = [&] {
    while (r.node().runtime().step()) {
      const auto ledger = r->snapshot().ledger;
      ASSERT_TRUE(ledger.balanced()) << to_string(ledger) << " after step " << steps;
      most = std::max(most, ledger.replayed);
      ++steps;
    }
  };
  go_on();
  second.set({16});
  ASSERT_TRUE(r->replay());
  go_on();
  EXPECT_EQ(most, 7U);
  EXPECT_EQ(
      r->snapshot().ledger,
      (weir::ledger_totals{.admitted = 50, .replayed = 7, .acknowledged = 49, .dead_lettered = 8}));
}

TEST_F(Replay, WhoAndWhenAndWhatIsInTheAudit) {
  second.set({1, 2});
  running r{pipeline()};
  source.push(1, 2);
  dead(r, 2);
  second.set({2});
  outcome(r->replay({}, {.who = "ann"}));
  strings lines;
  const auto audit = letters.audit(0, 100);
  ASSERT_TRUE(audit);
  for (const auto& one : *audit)
    lines.push_back(one.who + " " + one.what + " " + one.about + ": " + one.outcome);
  EXPECT_THAT(lines,
              UnorderedElementsAre("ann replay pipeline orders: 2 letters requested",
                                   "pipeline orders failed again id 2: replayed 1 time, 2 attempts",
                                   "ann replayed id 1: 1 letter removed"));
}

TEST_F(Replay, AThrowingItemThatIsReplayedEndsTheWorkerAndIsBack) {
  auto throws = std::make_shared<bool>(true);
  weir::pipeline p{"orders", restarting()};
  p.from("numbers", source)
      .via("stage",
           [throws](const int& n) -> int {
             if (*throws && n == 1)
               throw std::runtime_error{"no"};
             return n;
           },
           {.retry = at_once(2)})
      .to("sink", done.sink());
  p.dead_letters_to(letters);
  running r{std::move(p)};
  source.push(0, 1, 2);
  dead(r, 1);
  EXPECT_EQ(outcome(r->replay()).failed_again, 1U);
  EXPECT_THAT(kept(), ElementsAre("stage numbers:2=1 attempts 4 replays 1 kept"));
  *throws = false;
  EXPECT_EQ(outcome(r->replay()).succeeded, 1U);
  EXPECT_THAT(done.items(), ElementsAre(0, 2, 1));
}

TEST_F(Replay, WhatKilledTheProcessOftenEnoughWhileItWasReplayedIsBackWithoutBeingRun) {
  {
    second.set({1, 2});
    running r{pipeline()};
    source.push(1, 2);
    dead(r, 2);
  }
  second.mend();
  const recorder_file file;
  for (int life = 0; life < 3; ++life) {
    const auto recorder = file.open();
    const weir::internal::flight_recorder::stage_hands stages[] = {{"second", 1}};
    const std::string partitions[] = {"numbers", "replay"};
    const auto slots = recorder->add("orders", stages, partitions);
    ASSERT_TRUE(slots);
    (*slots)[0].take(weir::internal::origin{1, 2}.word()); // the letter with the id 2
    weir::internal::flight_recorder::examine(file.path, ::getpid(), SIGSEGV);
  }
  const auto recorder = file.open();
  node here;
  weir::running_pipeline r{pipeline(), here.runtime(), {}, recorder.get()};
  ASSERT_TRUE(r.start());
  const auto replay = r.replay();
  ASSERT_TRUE(replay);
  here.settle();
  EXPECT_EQ(to_string((*replay)->outcome()), "2 requested: 1 succeeded, 1 failed again");
  EXPECT_THAT(done.items(), ElementsAre(1));
  EXPECT_EQ(second.runs(2), 1);
  ASSERT_EQ(letters.letters().size(), 1U);
  EXPECT_EQ(letters.letters().front().why.message(),
            "killed by SIGSEGV (signal 11) while in hand, 3 times");
  EXPECT_EQ(letters.letters().front().replay_count, 1U);
  EXPECT_FALSE(recorder->suspects().remain()) << "and nothing goes slowly for its sake";
  const auto once_more = r.replay(); // somebody has found out why
  here.settle();
  EXPECT_EQ((*once_more)->outcome().succeeded, 1U);
  EXPECT_THAT(done.items(), ElementsAre(1, 2));
}

TEST_F(Replay, OneItemThatLeadsToSeveralIsOverWhenAllOfThemAre) {
  weir::pipeline p{"orders", restarting()};
  p.from("numbers", source)
      .via("split",
           [first = first](const int& n) -> weir::result<std::vector<int>> {
             if (auto well = first.look_at(n); !well)
               return std::move(well.error());
             return std::vector<int>{n, n + 1, n + 2};
           })
      .via("second",
           [second = second](const int& n) -> weir::result<int> {
             if (auto well = second.look_at(n); !well)
               return std::move(well.error());
             return n;
           })
      .to("sink", done.sink());
  p.dead_letters_to(letters);
  running r{std::move(p)};
  first.set({10});
  second.set({11});
  source.push(10);
  dead(r, 1);
  first.mend();
  EXPECT_EQ(outcome(r->replay()).failed_again, 1U);
  EXPECT_THAT(done.items(), ElementsAre(10, 12));
  EXPECT_THAT(kept(), ElementsAre("second numbers:1=11 attempts 1 replays 1 kept"));
  second.mend();
  EXPECT_EQ(outcome(r->replay()).succeeded, 1U);
  EXPECT_THAT(done.items(), ElementsAre(10, 12, 11));
}

/// Rejects rows until it is told not to.
struct rejecting_sink {
  using input = weir::batch<int>;
  brokenness rows;
  collected<std::vector<int>> taken;

  weir::result<weir::batch_outcome> on_batch(const input& all, weir::context&) {
    weir::batch_outcome outcome;
    for (std::size_t k = 0; k < all.items.size(); ++k)
      if (auto well = rows.look_at(all.items[k]); !well)
        outcome.rejected.push_back({k, std::move(well.error())});
    taken.add(all.items);
    return outcome;
  }
};

TEST_F(Replay, ARowThatABatchSinkRejectedComesBackAsABatchOfOne) {
  collected<std::vector<int>> taken;
  weir::pipeline p{"rows", restarting()};
  p.from("numbers", source)
      .batch("batch", {.size_max = 3, .delay_max = 1h})
      .to("sink", rejecting_sink{second, taken});
  p.dead_letters_to(letters);
  running r{std::move(p)};
  second.set({2, 3});
  source.push(1, 2, 3);
  dead(r, 2);
  second.set({3});
  const auto came = outcome(r->replay());
  EXPECT_EQ(came.succeeded, 1U);
  EXPECT_EQ(came.failed_again, 1U);
  EXPECT_EQ(taken.items(), (std::vector<std::vector<int>>{{1, 2, 3}, {2}, {3}}));
  EXPECT_THAT(kept(), ElementsAre("sink numbers:3=3 attempts 2 replays 1 kept"));
  EXPECT_EQ(letters.letters().front().payload_type, "int");
}

TEST_F(Replay, RowsOfABatchThatComesBackAreKnownByItsPlace) {
  auto whole = std::make_shared<bool>(true);
  struct fussy_sink {
    using input = weir::batch<int>;
    std::shared_ptr<bool> whole;
    brokenness rows;

    weir::result<weir::batch_outcome> on_batch(const input& all, weir::context&) {
      if (*whole)
        return weir::poison("none of them");
      weir::batch_outcome outcome;
      for (std::size_t k = 0; k < all.items.size(); ++k)
        if (auto well = rows.look_at(all.items[k]); !well)
          outcome.rejected.push_back({k, std::move(well.error())});
      return outcome;
    }
  };
  weir::pipeline p{"rows", restarting()};
  p.from("numbers", source)
      .batch("batch", {.size_max = 4, .delay_max = 1h})
      .to("sink", fussy_sink{whole, second});
  p.dead_letters_to(letters);
  running r{std::move(p)};
  source.push(1, 2, 3, 3);
  r.settle();
  ASSERT_EQ(letters.letters().size(), 1U);
  *whole = false;
  second.set({2, 3});
  const auto asked = r->replay();
  ASSERT_TRUE(asked);
  r.settle();
  EXPECT_EQ((*asked)->outcome().failed_again, 1U);
  EXPECT_THAT(kept(), ElementsAre("sink numbers:1=2 attempts 1 replays 1 kept",
                                  "sink numbers:1=3 attempts 1 replays 1 kept",
                                  "sink numbers:1=3 attempts 1 replays 1 kept"));
  EXPECT_TRUE(r->snapshot().ledger.balanced()) << to_string(r->snapshot());
}

TEST_F(Replay, EqualRowsOfNoPositionAreAllKeptWhateverLifeTheyAreOf) {
  for (std::size_t life = 1; life <= 2; ++life) {
    source = {};
    weir::pipeline p{"rows", restarting()};
    p.from("numbers", source)
        .batch("batch", {.size_max = 3, .delay_max = 1h})
        .via("shorter",
             [](weir::batch<int> all) {
               all.items.pop_back();
               return all;
             })
        .to("sink", rejecting_sink{second, {}});
    p.dead_letters_to(letters);
    second.set({1});
    running r{std::move(p)};
    source.push(1, 1, 2);
    r.settle();
    EXPECT_EQ(letters.letters().size(), 2 * life);
    r->abort();
    r.settle();
  }
  // One of them that fails again is itself.
  source = {};
  weir::pipeline p{"rows", restarting()};
  p.from("numbers", source)
      .batch("batch", {.size_max = 3, .delay_max = 1h})
      .to("sink", rejecting_sink{second, {}});
  p.dead_letters_to(letters);
  running r{std::move(p)};
  ASSERT_TRUE(r->replay({.ids = {3}}));
  r.settle();
  ASSERT_EQ(letters.letters().size(), 4U);
  EXPECT_EQ(letters.letters()[2].replay_count, 1U);
}

TEST_F(Replay, BehindKeyByALetterGoesToTheWorkerOfItsKey) {
  auto worker_of = std::make_shared<std::map<int, std::set<std::uint32_t>>>();
  weir::pipeline p{"orders", restarting()};
  p.from("numbers", source)
      .key_by([](const int& n) { return n % 10; }, {.lanes = 4})
      .via("keyed",
           [=, second = second](const int& n, weir::context& where) -> weir::result<int> {
             (*worker_of)[n % 10].insert(where.worker_index());
             if (auto well = second.look_at(n); !well)
               return std::move(well.error());
             return n;
           })
      .merge()
      .to("sink", done.sink());
  p.dead_letters_to(letters);
  running r{std::move(p)};
  std::set<int> all;
  for (int n = 0; n < 40; ++n)
    all.insert(n);
  second.set(all);
  push(up_to(40));
  dead(r, 40);
  second.mend();
  EXPECT_EQ(outcome(r->replay()).succeeded, 40U);
  EXPECT_THAT(done.items(), testing::UnorderedElementsAreArray(up_to(40)));
  std::set<std::uint32_t> used;
  for (const auto& [key, workers] : *worker_of) {
    EXPECT_EQ(workers.size(), 1U) << "key " << key;
    used.insert(workers.begin(), workers.end());
  }
  EXPECT_GT(used.size(), 1U);
}

TEST_F(Replay, AStoreThatThrowsIsAFailureThatIsTold) {
  const auto store = std::make_shared<troubled_queue>(letters);
  running r{pipeline(store)};
  second.set({1, 2});
  source.push(1, 2);
  r.settle();
  second.mend();
  for (const std::string_view call : {"request", "claim"}) {
    store->trouble = [call](std::string_view name) -> weir::result<void> {
      if (name == call)
        throw std::runtime_error{"the disk is gone"};
      return {};
    };
    const auto asked = r->replay({.ids = {1}});
    const auto next = r->replay({.ids = {1}});
    ASSERT_TRUE(asked && next);
    r.settle();
    for (const auto& run : {*asked, *next}) {
      EXPECT_TRUE(run->finished()) << call;
      ASSERT_TRUE(run->outcome().why) << call;
      EXPECT_EQ(run->outcome().why->message(), "the disk is gone");
    }
  }
  store->trouble = {};
  const auto asked = r->replay({.ids = {1}});
  ASSERT_TRUE(asked) << "and it goes on";
  r.settle();
  EXPECT_EQ((*asked)->outcome().succeeded, 1U);

  // What has gone through is removed when the store is there again; meanwhile the snapshot says what is wrong.
  store->trouble = [](std::string_view name) -> weir::result<void> {
    if (name == "replayed")
      throw std::runtime_error{"the disk is gone"};
    return {};
  };
  const auto last = r->replay();
  r.settle();
  EXPECT_EQ(r->snapshot().dead_letters_trouble, "the disk is gone");
  EXPECT_EQ(letters.letters().size(), 1U);
  store->trouble = {};
  r.pass(1min);
  EXPECT_EQ((*last)->outcome().succeeded, 1U);
  EXPECT_EQ(r->snapshot().dead_letters_trouble, "");
  EXPECT_THAT(kept(), ElementsAre());
  EXPECT_THAT(done.items(), ElementsAre(1, 2));
}

TEST_F(Replay, GoesOnWhenTheStoreWasBusyOnce) {
  for (const std::string_view call : {"request", "claim", "select", "replayed", "release"}) {
    SCOPED_TRACE(call);
    letters = weir::dead_letters::memory{};
    done = {};
    source = {};
    const auto store = std::make_shared<troubled_queue>(letters);
    running r{pipeline(store)};
    second.set({1, 2, 3});
    source.push(1, 2, 3);
    r.settle();
    second.mend();
    auto times = std::make_shared<int>(0);
    store->trouble = [call, times](std::string_view name) -> weir::result<void> {
      if (name == call && (*times)++ < 3)
        return weir::transient("database is locked");
      return {};
    };
    const auto asked = r->replay();
    ASSERT_TRUE(asked);
    r.settle();
    r.pass(1min);
    EXPECT_TRUE((*asked)->finished());
    EXPECT_EQ(to_string((*asked)->outcome()), "3 requested: 3 succeeded, 0 failed again");
    EXPECT_THAT(kept(), ElementsAre());
    r->abort();
    r.settle();
  }
}

TEST_F(Replay, AStoreThatIsBusyForEverDoesNotKeepThePipelineFromItsEnd) {
  const auto store = std::make_shared<troubled_queue>(letters);
  store->trouble = [](std::string_view) { return weir::result<void>{weir::transient("locked")}; };
  node here;
  auto& r = here.run(pipeline(store));
  const auto asked = r.replay();
  ASSERT_TRUE(asked);
  source.push(1);
  source.complete();
  EXPECT_EQ(here.finish(r), state::finished);
  EXPECT_TRUE((*asked)->finished());
  ASSERT_TRUE((*asked)->outcome().why);
  EXPECT_EQ((*asked)->outcome().why->message(), "locked");
}

TEST_F(Replay, AskedForJustBeforeTheEndItFinishesToo) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    letters = weir::dead_letters::memory{};
    source = {};
    std::mt19937 chance{seed};
    running r{pipeline(), {.job = [&](std::size_t count) { return chance() % count; }}};
    second.set({1});
    source.push(1);
    r.settle();
    const auto once = r->replay();
    const auto twice = r->replay();
    ASSERT_TRUE(once && twice);
    r->abort();
    r.settle();
    EXPECT_TRUE((*once)->finished() && (*twice)->finished());
    EXPECT_FALSE(r->replay());
  }
}

TEST_F(Replay, NotMoreWaitForTheirTurnThanThereShould) {
  running r{pipeline()};
  int taken = 0;
  while (r->replay() && taken < 1000)
    ++taken;
  EXPECT_EQ(taken, 64);
  r.settle();
  EXPECT_TRUE(r->replay());
}

TEST_F(Replay, AStoreThatCantBeReadSaysSo) {
  struct closed_store final : weir::dead_letter_store {
    weir::result<void> put(std::span<const weir::dead_letter>) override { return {}; }
  };
  running r{pipeline(std::make_shared<closed_store>())};
  const auto replay = r->replay();
  ASSERT_FALSE(replay);
  EXPECT_EQ(replay.error().message(),
            "pipeline 'orders' has no store of dead letters that can be read");
}

} // namespace
