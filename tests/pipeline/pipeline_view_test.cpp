#include "../running.hpp"

#include <weir/actors/sleep.hpp>
#include <weir/stages/awaitable.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>

// What can be seen of a pipeline that runs: what each worker does, why it rests, and what lies between them.

namespace {

using namespace weir_test;
using weir::waiting_as;

class PipelineView : public ThroughOneStage {
protected:
  PipelineView() { letters_ = weir::dead_letters::memory{1}; }

  /// "in: idle, one: credit of one->out, …": what each worker does, behind its name.
  static std::string doings(const weir::pipeline_view& all) {
    std::string text;
    for (const auto& stage : all.stages)
      for (const auto& one : stage.workers) {
        text +=
            (text.empty() ? "" : ", ") + one.name + ": " + std::string{weir::to_string(one.does)};
        for (const auto edge : one.waits_on)
          text += " of " + shown(all, all.edges[edge]);
      }
    return text;
  }
  static std::string shown(const weir::pipeline_view& all, const weir::edge_view& edge) {
    return all.stages[edge.from].workers[edge.from_worker].name + "->"
           + all.stages[edge.to].workers[edge.to_worker].name;
  }
  static int same(int n) { return n; }
};

TEST_F(PipelineView, SaysThatAWorkerWaitsForInputAndSinceWhen) {
  running r{through(same)};
  r.pass(3s);
  EXPECT_EQ(doings(r->view()), "in: idle, one: idle, out: idle");
  in_.push(1);
  r.settle();
  r.pass(2s);
  const auto now = r->view();
  EXPECT_EQ(doings(now), "in: idle, one: idle, out: idle");
  for (const auto& stage : now.stages)
    EXPECT_EQ(now.seen_at - stage.workers[0].since, 2s) << stage.stage;
  EXPECT_EQ(now.stages[1].workers[0].state, weir::internal::worker::state::running);
}

TEST_F(PipelineView, SaysOfWhichEdgeAWorkerWaitsForCredit) {
  out_ = sink_probe<int>::on_request();
  running r{through(same)};
  for (int n = 0; n < 20; ++n)
    in_.push(n);
  r.settle();
  EXPECT_EQ(doings(r->view()), "in: credit of in->one, one: credit of one->out, out: demand");
  out_.request(20);
  r.settle();
  EXPECT_EQ(doings(r->view()), "in: idle, one: idle, out: idle");
}

TEST_F(PipelineView, SaysWhichOfSeveralEdgesHasNoCredit) {
  weir::pipeline p{"p"};
  const auto slow = sink_probe<int>::on_request();
  auto both = p.from("in", in_).broadcast<2>();
  std::move(both[0]).to("fast", out_, {.mailbox_capacity = 4});
  std::move(both[1]).to("slow", slow, {.mailbox_capacity = 4});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  for (int n = 0; n < 5000; ++n)
    in_.push(n);
  r.settle();
  const auto now = r->view();
  const auto& spreads = now.stages[1];
  ASSERT_EQ(spreads.workers[0].does, waiting_as::credit) << doings(now);
  ASSERT_EQ(spreads.workers[0].waits_on.size(), 1U) << doings(now);
  EXPECT_EQ(now.stages[now.edges[spreads.workers[0].waits_on[0]].to].stage, "slow");
}

TEST_F(PipelineView, SaysThatAWorkerWaitsForAPermit) {
  for (const std::uint32_t in_hand : {1U, 2U}) { // in slices, and one by one
    running r{through(same, {.in_flight_max = in_hand, .rate = {.permits = 1, .per = 1min}})};
    in_.push(1, 2);
    r.pass(1min);
    EXPECT_EQ(doings(r->view()), "in: idle, one: permit, out: idle");
    r->abort();
  }
}

TEST_F(PipelineView, SaysThatAWorkerWaitsForARetry) {
  for (const std::uint32_t in_hand : {1U, 2U}) {
    running r{through(same, {},
                      {.retry = {.immediate = 0, .delay_min = 1min, .delay_max = 1min},
                       .in_flight_max = in_hand})};
    out_.fail(weir::transient("no connection"));
    in_.push(1);
    r.settle();
    const auto now = r->view();
    EXPECT_EQ(doings(now), "in: idle, one: idle, out: retry");
    EXPECT_EQ(now.stages[2].workers[0].last_failure, "no connection");
    EXPECT_EQ(now.stages[2].workers[0].failed, 1U);
    r.pass(1h);
    EXPECT_EQ(doings(r->view()), "in: idle, one: idle, out: idle");
  }
}

TEST_F(PipelineView, SaysThatAWorkerIsPaused) {
  for (const std::uint32_t in_hand : {1U, 2U}) {
    running r{through(same, {.in_flight_max = in_hand})};
    ASSERT_TRUE(r->pause("in"));
    ASSERT_TRUE(r->pause("one"));
    r.settle();
    EXPECT_EQ(doings(r->view()), "in: paused, one: paused, out: idle");
    EXPECT_TRUE(r->view().stages[1].paused);
    ASSERT_TRUE(r->resume("in"));
    for (int n = 0; n < 9; ++n)
      in_.push(n);
    r.settle();
    EXPECT_EQ(doings(r->view()), "in: credit of in->one, one: paused, out: idle");
    ASSERT_TRUE(r->resume("one"));
    r.settle();
    EXPECT_EQ(doings(r->view()), "in: idle, one: idle, out: idle");
    out_.take();
  }
}

TEST_F(PipelineView, SaysThatAWorkerWaitsForTheStoreOfLetters) {
  for (const std::uint32_t in_hand : {1U, 2U}) {
    running r{through([](int) -> weir::result<int> { return weir::poison("no"); },
                      {.in_flight_max = in_hand})};
    for (int n = 0; n < 10'000; ++n)
      in_.push(n);
    r.settle();
    const auto now = r->view();
    EXPECT_EQ(doings(now), "in: credit of in->one, one: letters, out: idle");
    EXPECT_GT(now.dead_letters_waiting, 0U);
    r->abort();
  }
}

TEST_F(PipelineView, SaysThatAStageWaitsForItsLettersAtTheEnd) {
  for (const std::uint32_t in_hand : {1U, 2U}) {
    const source_probe<int> in;
    weir::pipeline p{"p"};
    p.from("in", in)
        .via("one", [](int) -> weir::result<int> { return weir::poison("no"); },
             {.in_flight_max = in_hand})
        .to("out", out_);
    p.dead_letters_to(weir::dead_letters::memory{1});
    running r{std::move(p)};
    in.push(1, 2, 3);
    in.complete();
    r.settle();
    const auto now = r->view();
    EXPECT_EQ(now.stages[1].workers[0].does, waiting_as::letters) << doings(now);
    EXPECT_EQ(now.stages[0].workers[0].state, weir::internal::worker::state::finished);
    r->abort();
  }
}

TEST_F(PipelineView, SaysThatRunsGoOnOutsideOfTurns) {
  running r{through(
      [](int n) -> boost::asio::awaitable<int> {
        co_await weir::sleep_for(1h);
        co_return n;
      },
      {.in_flight_max = 2})};
  in_.push(1);
  r.pass(1min);
  EXPECT_EQ(doings(r->view()), "in: idle, one: in_hand, out: idle");
}

TEST_F(PipelineView, SaysThatAWorkerInACallIsBusySinceItsTurnBegan) {
  std::string seen;
  weir::running_pipeline* of = nullptr;
  running r{through([&](int n) {
    const auto now = of->view();
    seen = doings(now);
    EXPECT_EQ(now.stages[1].workers[0].since, now.seen_at);
    return n;
  })};
  of = r.operator->();
  r.pass(5s); // all that time it rests
  in_.push(1);
  r.settle();
  EXPECT_EQ(seen, "in: idle, one: busy, out: idle");
}

TEST_F(PipelineView, SaysThatAWorkerIsDownAndWhyItWasRestarted) {
  weir::pipeline p{"p",
                   {.supervision = {.strategy = weir::one_for_all,
                                    .delays = {.delay_min = 1min, .delay_max = 1min}}}};
  p.from("in", in_)
      .via("one",
           [](int n) {
             if (n == 1)
               throw std::runtime_error{"one"};
             return n;
           },
           {.retry = at_once(1)})
      .to("out", out_);
  p.dead_letters_to(weir::dead_letters::memory{});
  running r{std::move(p)};
  in_.push(1);
  r.settle();
  auto now = r->view();
  EXPECT_EQ(now.stages[1].workers[0].state, weir::internal::worker::state::down);
  EXPECT_EQ(now.stages[1].workers[0].does, waiting_as::down);
  EXPECT_EQ(now.stages[1].workers[0].restarts, 0U);
  r.pass(1h);
  now = r->view();
  EXPECT_EQ(doings(now), "in: idle, one: idle, out: idle");
  const auto& failed = now.stages[1].workers[0];
  ASSERT_EQ(failed.last_restarts.size(), 1U);
  EXPECT_EQ(failed.last_restarts[0].cause, "stage 'one' ← one");
  EXPECT_EQ(r.node().runtime().wall_clock() - failed.last_restarts[0].at, 59min);
  const auto& beside = now.stages[2].workers[0];
  ASSERT_EQ(beside.last_restarts.size(), 1U);
  EXPECT_EQ(beside.last_restarts[0].cause, "restarted with 'one': stage 'one' ← one");
}

TEST_F(PipelineView, KeepsTheLastRestartsOnly) {
  running r{through(same)};
  for (std::size_t n = 0; n < weir::internal::restarts_kept + 3; ++n) {
    r->kill(1);
    r.pass(1h);
  }
  const auto now = r->view().stages[1].workers[0];
  EXPECT_EQ(now.restarts, weir::internal::restarts_kept + 3);
  EXPECT_EQ(now.last_restarts.size(), weir::internal::restarts_kept);
  EXPECT_EQ(now.last_restarts.back().cause, "stage 'one' ← killed");
}

TEST_F(PipelineView, ShowsTheCursorsOfEachEdge) {
  out_ = sink_probe<int>::on_request();
  running r{through(same, {.workers = 2})};
  for (int n = 0; n < 30; ++n)
    in_.push(n);
  out_.request(3);
  r.settle();
  const auto now = r->view();
  std::string text;
  for (const auto& edge : now.edges)
    text += shown(now, edge) + " " + std::to_string(edge.capacity) + "\n";
  EXPECT_EQ(text, "in->one/0 4\nin->one/1 4\none/0->out 2\none/1->out 2\n");
  std::uint64_t into = 0;
  std::uint64_t out_of = 0;
  std::uint64_t left = 0;
  for (const auto& edge : now.edges) {
    (edge.to == 1 ? into : out_of) += edge.written;
    left += edge.backlog();
    EXPECT_EQ(edge.backlog(), edge.capacity) << "all credit is in use";
  }
  EXPECT_EQ(into, in_.taken());
  EXPECT_EQ(out_of, 3U + 4U);
  EXPECT_EQ(left, now.ledger.in_flight);
  EXPECT_EQ(now.stages[1].workers[1].number, 2U);
  EXPECT_EQ(now.stages[1].workers[1].name, "one/1");
}

TEST_F(PipelineView, BoundsTheAgeOfTheOldestItemOfAnEdge) {
  out_ = sink_probe<int>::on_request();
  running r{through(same)};
  const auto last_edge = [&] { return r->view().edges.back(); }; // into the sink
  last_edge();
  r.pass(1s);
  for (int n = 0; n < 3; ++n)
    in_.push(n);
  r.settle();
  r.pass(4s);
  last_edge();
  r.pass(10s);
  const auto now = last_edge();
  EXPECT_EQ(now.backlog(), 3U);
  EXPECT_GE(now.oldest_at_least, 10s);
  EXPECT_LE(now.oldest_at_least, 14s);
  ASSERT_TRUE(now.oldest_at_most);
  EXPECT_GE(*now.oldest_at_most, 14s);
  EXPECT_LE(*now.oldest_at_most, 15s);
  out_.request(3);
  r.settle();
  EXPECT_EQ(last_edge().oldest_at_least, 0s);
}

TEST_F(PipelineView, ShowsHowLongItemsTook) {
  running r{through(
      [](int n) -> boost::asio::awaitable<int> {
        co_await weir::sleep_for(n == 3 ? 1h : 1s);
        co_return n;
      },
      {.in_flight_max = 4})};
  in_.push(1, 2, 3);
  r.pass(2h);
  const auto stage = r.stage("one");
  ASSERT_EQ(stage.latency.size(), 2U);
  EXPECT_EQ(stage.latency[0].count, 2U);
  EXPECT_GE(stage.latency[0].up_to, 1s);
  EXPECT_EQ(stage.latency[1].count, 1U);
  EXPECT_GE(stage.latency[1].up_to, 1h);
  EXPECT_EQ(stage.latency[0].up_to, stage.latency_p50);
}

} // namespace
