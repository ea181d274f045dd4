#include "../threads.hpp"

#include <atomic>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>

namespace {

using namespace weir_test;
using state = weir::running_pipeline::state;
using weir::execution;

constexpr std::size_t endless = SIZE_MAX;
int same(int n) noexcept { return n; }

class RunningPipeline : public testing::Test {
protected:
  /// An endless stream into a collecting sink.
  weir::pipeline stream(std::size_t count = endless) {
    weir::pipeline p{"stream", restarting()};
    p.from("numbers", numbers(count))
        .via("one", same, {.mailbox_capacity = 16})
        .via("two", [](int n) { return n; }, {.mailbox_capacity = 16})
        .to("sink", out_.sink(), {.mailbox_capacity = 16});
    p.dead_letters_to(letters_);
    return p;
  }
  /// An endless stream into a sink that stands still until the gate opens.
  weir::pipeline held_stream() {
    weir::pipeline p{"stream"};
    p.from("numbers", numbers(endless))
        .via("one", same, {.mailbox_capacity = 4})
        .to("sink",
            [held = held_, out = out_](const int& n) noexcept {
              held.pass();
              out.add(n);
            },
            {.mailbox_capacity = 10, .execution = execution::own_thread});
    return p;
  }

  gate held_;
  collected<int> out_;
  weir::dead_letters::memory letters_;
};

TEST_F(RunningPipeline, RefusesToStartWithASentenceForEachProblem) {
  weir::pipeline p{"Stream"};
  std::ignore =
      p.from("numbers", numbers(1)).via("one", [](int n) { return n; }, {.mailbox_capacity = 0});
  const auto sentences = p.validate();
  weir::virtual_runtime node;
  weir::running_pipeline r{std::move(p), node};
  const auto started = r.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, weir::failure_kind::fatal);
  auto expected = sentences;
  expected.insert(expected.begin(), "pipeline 'Stream' can't run");
  EXPECT_EQ(started.error().chain, expected);
  EXPECT_EQ(sentences.size(), 5U) << testing::PrintToString(sentences);
}

/// Numbers whose partition is called so.
struct named {
  using output = int;
  std::string name;

  std::string partition() const { return name; }
  weir::source_state poll(weir::intake<int>&, weir::context&) { return weir::source_state::done; }
};

TEST_F(RunningPipeline, RefusesToStartWithTwoSourcesOfOneLane) {
  const auto refusal = [&](weir::pipeline p) {
    weir::virtual_runtime node;
    weir::running_pipeline r{std::move(p), node};
    const auto started = r.start();
    return started ? "it started" : started.error().message();
  };
  weir::pipeline twice{"orders"};
  auto today = twice.from("today", named{"file"});
  twice.merge(std::move(today), twice.from("older", named{"file"})).to("sink", out_.sink());
  EXPECT_EQ(refusal(std::move(twice)), "pipeline 'orders' can't be started ← stages 'today' and "
                                       "'older' have the same partition 'file'");
  weir::pipeline replay{"orders"};
  replay.from("source", named{"replay"}).to("sink", out_.sink());
  EXPECT_EQ(
      refusal(std::move(replay)),
      "pipeline 'orders' can't be started ← stage 'source': 'replay' is the partition of what is "
      "replayed; give it another one");
  weir::pipeline apart{"orders"};
  apart.merge(apart.from("today", named{"file"}), apart.from("older", named{"older"}))
      .to("sink", out_.sink());
  running{std::move(apart)}.finishes();
}

TEST_F(RunningPipeline, ThatWasNeverStartedCanBeLookedAtAndThrownAway) {
  weir::runtime node;
  weir::running_pipeline r{stream(), node};
  EXPECT_EQ(r.snapshot().pipeline, "stream");
  EXPECT_EQ(r.snapshot().ledger, weir::ledger_totals{});
  r.drain();
  r.abort();
}

TEST_F(RunningPipeline, DrainsWhatItHasAdmitted) {
  running_on_threads r{stream()};
  EXPECT_TRUE(eventually([&] { return out_.size() >= 1000; }));
  r->drain();
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(r.ledger().admitted));
  EXPECT_EQ(r.ledger().acknowledged, r.ledger().admitted);
}

TEST_F(RunningPipeline, CanBeDrainedAtAnyTimeAndMoreThanOnce) {
  {
    weir::runtime node;
    weir::running_pipeline r{stream(), node};
    r.drain(); // before the start: nothing is read
    ASSERT_TRUE(r.start());
    EXPECT_EQ(r.wait(), state::finished);
    EXPECT_EQ(r.snapshot().ledger.admitted, 0U);
  }
  running_on_threads r{stream()};
  r->drain();
  r->drain();
  r.finishes();
  r->drain();
  EXPECT_EQ(r.ended(), state::finished);
}

TEST_F(RunningPipeline, DrainsWhileItsSinkStandsStill) {
  const auto out = sink_probe<int>::on_request();
  weir::pipeline p{"stream"};
  p.from("numbers", numbers(endless))
      .via("one", same, {.mailbox_capacity = 4})
      .to("sink", out, {.mailbox_capacity = 10});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  EXPECT_EQ(r.stage("sink").backlog, 10U);
  r->drain();
  EXPECT_EQ(r->wait_until(r.node().now() + 1h), std::nullopt);
  EXPECT_GT(r.ledger().in_flight, 0U);
  out.request(endless);
  r.finishes();
  EXPECT_EQ(out.items(), up_to(r.ledger().admitted));
}

TEST_F(RunningPipeline, DrainsWhileItIsRestarting) {
  weir::pipeline p{"stream", restarting()};
  p.from("numbers", numbers(endless))
      .via("one",
           [](int n) {
             if (n % 10 == 3)
               throw n;
             return n;
           },
           {.mailbox_capacity = 16, .retry = at_once(2)})
      .to("sink", out_.sink());
  p.dead_letters_to(letters_);
  running_on_threads r{std::move(p)};
  EXPECT_TRUE(eventually([&] { return out_.size() >= 100; }));
  r->drain();
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(r.ledger().admitted, [](int n) { return n % 10 != 3; }));
}

TEST_F(RunningPipeline, SaysAfterAnAbortWhatIsLeft) {
  running_on_threads r{stream()};
  EXPECT_TRUE(eventually([&] { return out_.size() >= 1000; }));
  r->abort();
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(r->why().message(), "aborted");
  EXPECT_EQ(r.ledger().acknowledged, out_.size());
  EXPECT_EQ(out_.items(), up_to(out_.size()));
}

TEST_F(RunningPipeline, StopsAfterTheItemsInHandWhenItIsAborted) {
  running_on_threads r{held_stream()};
  EXPECT_TRUE(held_.wait_for(1));
  EXPECT_TRUE(eventually([&] { return r.stage("sink").backlog == 10; }));
  r->abort();
  held_.open();
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(out_.size(), 1U);
  EXPECT_EQ(r.ledger().acknowledged, out_.size());
  EXPECT_EQ(r.ledger().in_flight, r.ledger().admitted - out_.size());
}

TEST_F(RunningPipeline, CanBeAbortedWhileItDrainsOrWaitsForARetry) {
  weir::pipeline p{"stream"};
  p.from("numbers", numbers(10)).to("sink", [](const int&) -> weir::result<void> {
    return weir::transient("later", 1h);
  });
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  EXPECT_EQ(r.stage("sink").failed, 1U);
  r->drain();
  EXPECT_EQ(r->wait_until(r.node().now() + 1min), std::nullopt);
  r->abort();
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(r.ledger().in_flight, 10U);
}

TEST_F(RunningPipeline, AbortedAfterItsEndHasStillFinished) {
  running_on_threads r{stream(10)};
  r.finishes();
  r->abort();
  EXPECT_EQ(r.ended(), state::finished);
}

TEST_F(RunningPipeline, IsAbortedByItsDestructor) {
  { running_on_threads r{stream()}; }
  {
    running_on_threads r{stream()};
    EXPECT_TRUE(eventually([&] { return out_.size() >= 100; }));
  }
  {
    running_on_threads r{stream(10)};
    r.finishes();
  }
  running_on_threads r{held_stream()};
  EXPECT_TRUE(held_.wait_for(1));
  held_.open();
}

TEST_F(RunningPipeline, SharesANodeWithOthers) {
  weir::runtime node{{.threads = 2}};
  collected<int> other;
  weir::pipeline failing{"failing", restarting()};
  failing.from("numbers", numbers(endless))
      .via("one", [](int) -> int { throw 1; })
      .to("sink", other.sink());
  failing.dead_letters_to(weir::dead_letters::memory{});
  weir::running_pipeline first{stream(5000), node};
  weir::running_pipeline second{std::move(failing), node};
  ASSERT_TRUE(second.start());
  ASSERT_TRUE(first.start());
  EXPECT_EQ(second.wait(), state::failed);
  EXPECT_EQ(first.wait(), state::finished);
  EXPECT_EQ(out_.items(), up_to(5000));
  EXPECT_EQ(first.snapshot().ledger.acknowledged, 5000U);
  EXPECT_EQ(second.snapshot().ledger.acknowledged, 0U);
  EXPECT_TRUE(second.snapshot().ledger.balanced());
}

TEST_F(RunningPipeline, CountsWhatItsStagesDid) {
  running_on_threads r{stream(5000)};
  r.finishes();
  const auto now = r->snapshot();
  EXPECT_EQ(now.pipeline, "stream");
  ASSERT_EQ(now.stages.size(), 4U);
  const std::vector<std::string> names{"numbers", "one", "two", "sink"};
  for (std::size_t k = 0; k < 4; ++k) {
    const auto& one = now.stages[k];
    EXPECT_EQ(one.stage, names[k]);
    EXPECT_EQ(one.processed, 5000U) << one.stage;
    EXPECT_EQ(one.failed + one.dead_lettered + one.restarts + one.backlog, 0U) << one.stage;
    EXPECT_NEAR(one.busy + one.blocked + one.idle, 1.0, 1e-9) << one.stage;
    EXPECT_EQ(one.mailbox_capacity, k == 0 ? 0U : 16U);
    EXPECT_LE(one.backlog_max, one.mailbox_capacity) << one.stage;
    EXPECT_GT(one.latency_p99.count(), 0) << one.stage;
    EXPECT_LE(one.latency_p50, one.latency_p99);
  }
}

TEST_F(RunningPipeline, CanBeLookedAtWhileItRuns) {
  running_on_threads r{stream(20'000)};
  std::uint64_t admitted = 0;
  for (int k = 0; k < 200; ++k) {
    const auto now = r->snapshot();
    EXPECT_GE(now.ledger.admitted, admitted);
    admitted = now.ledger.admitted;
    for (const auto& one : now.stages)
      EXPECT_LE(one.backlog, 16U);
  }
  r.finishes();
}

std::size_t threads_of_this_process() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator{"/proc/self/task"})
    ++count;
  return count;
}

TEST_F(RunningPipeline, LeavesNoThreadBehind) {
  const auto before = threads_of_this_process();
  for (int k = 0; k < 20; ++k) {
    weir::pipeline p{"short"};
    p.from("numbers", numbers(100), {.execution = execution::own_thread})
        .to("sink", out_.sink(), {.execution = execution::own_thread});
    run_on_threads(std::move(p));
  }
  EXPECT_TRUE(eventually([&] { return threads_of_this_process() <= before; }));
}

TEST_F(RunningPipeline, HasNothingLeftToWaitForOnceItsEndWasToldOf) {
  weir::runtime node{{.threads = 2}};
  for (int k = 0; k < 20; ++k) {
    std::mutex lock; // guards what follows
    std::condition_variable changed;
    bool told = false;
    bool looked = false;
    weir::pipeline p{"short"};
    p.from("numbers", numbers(7))
        .via("poisonous",
             [](int n) -> weir::result<int> { return weir::poison(std::to_string(n)); })
        .to("sink", [](int) noexcept {});
    p.dead_letters_to(weir::dead_letters::memory{});
    weir::running_pipeline r{std::move(p), node, {.ended = [&] {
                               std::unique_lock guard{lock};
                               told = true;
                               looked = false;
                               changed.notify_all();
                               // A moment, for who looks too early.
                               changed.wait_for(guard, 1ms, [&] { return looked; });
                             }}};
    ASSERT_TRUE(r.start());
    for (bool over = false; !over;) {
      {
        std::unique_lock guard{lock};
        ASSERT_TRUE(changed.wait_for(guard, patience, [&] { return told; })) << "of run " << k;
        told = false;
      }
      over = r.wait_until(node.now()).has_value();
      const std::lock_guard guard{lock};
      looked = true;
      changed.notify_all();
    }
  }
}

TEST_F(RunningPipeline, StartsAndEndsQuicklyHoweverOften) {
  weir::runtime node{{.threads = 2}};
  for (int k = 0; k < 300; ++k) {
    collected<int> out;
    weir::pipeline p{"short"};
    p.from("numbers", numbers(7))
        .via("one", same, {.mailbox_capacity = 1})
        .to("sink", out.sink(), {.mailbox_capacity = 2});
    weir::running_pipeline r{std::move(p), node};
    ASSERT_TRUE(r.start());
    if (k % 3 == 0)
      r.drain();
    if (k % 3 == 1)
      r.abort();
    ASSERT_TRUE(r.wait_until(std::chrono::steady_clock::now() + patience)) << k;
    ASSERT_TRUE(r.snapshot().ledger.balanced());
    ASSERT_EQ(out.items(), up_to(out.size()));
    if (k % 3 == 2) {
      ASSERT_EQ(out.items(), up_to(7));
    }
  }
}

} // namespace
