#include <weir/actors/rate_limiter.hpp>
#include <weir/actors/sleep.hpp>
#include <weir/actors/virtual_time.hpp>
#include <weir/stages/awaitable.hpp>
#include <weir/testkit/testkit.hpp>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

using namespace std::chrono_literals;
using weir::testkit::node;
using weir::testkit::sink_probe;
using weir::testkit::source_probe;
using state = weir::running_pipeline::state;

namespace {

template <class T>
using awaitable = boost::asio::awaitable<T>;

/// Whole pipelines in virtual time.
class VirtualNode : public testing::Test {
protected:
  source_probe<int> in_;
  sink_probe<int> out_;
};

TEST_F(VirtualNode, LetsNothingHappenBeforeItIsAsked) {
  node here;
  weir::pipeline p{"p"};
  p.from("in", in_).to("out", out_);
  p.dead_letters_to(weir::dead_letters::memory{});
  in_.push(1, 2, 3);
  here.run(std::move(p));
  EXPECT_EQ(out_.items().size(), 0U);
  here.settle();
  EXPECT_EQ(out_.items(), (std::vector{1, 2, 3}));
}

TEST_F(VirtualNode, SendsABatchWhenItsDelayIsOverAndNotBefore) {
  node here;
  sink_probe<weir::batch<int>> out;
  weir::pipeline p{"p"};
  p.from("in", in_).batch("batch", {.size_max = 10, .delay_max = 200ms}).to("out", out);
  p.dead_letters_to(weir::dead_letters::memory{});
  here.run(std::move(p));
  in_.push(1, 2, 3);
  here.settle();
  here.pass(199ms);
  EXPECT_EQ(out.items().size(), 0U);
  here.pass(1ms);
  ASSERT_EQ(out.items().size(), 1U);
  EXPECT_EQ(out.items()[0].items, (std::vector{1, 2, 3}));
}

TEST_F(VirtualNode, KeepsARateExactly) {
  node here;
  weir::pipeline p{"p"};
  p.from("in", in_)
      .via("limited", [](const int& x) { return x; }, {.rate = {.permits = 10, .per = 1s}})
      .to("out", out_);
  p.dead_letters_to(weir::dead_letters::memory{});
  for (int k = 0; k < 100; ++k)
    in_.push(k);
  here.run(std::move(p));
  here.pass(1s);
  EXPECT_EQ(out_.items().size(), 10U);
  here.pass(3500ms);
  EXPECT_EQ(out_.items().size(), 45U);
}

TEST_F(VirtualNode, ReachesCoroutinesThatSleep) {
  node here;
  weir::pipeline p{"p"};
  p.from("in", in_)
      .via("slow",
           [](int x) -> awaitable<int> {
             co_await weir::sleep_for(std::chrono::hours{x});
             co_return x;
           },
           {.in_flight_max = 4})
      .to("out", out_);
  p.dead_letters_to(weir::dead_letters::memory{});
  here.run(std::move(p));
  in_.push(3, 1, 2);
  here.pass(2h);
  EXPECT_EQ(out_.items().size(), 0U) << "the first is not done, and the order is kept";
  here.pass(1h);
  EXPECT_EQ(out_.items(), (std::vector{3, 1, 2}));
}

TEST_F(VirtualNode, CancelsACoroutineWhoseTimeIsOver) {
  node here;
  weir::dead_letters::memory letters;
  weir::pipeline p{"p"};
  p.from("in", in_)
      .via("slow",
           [](int x) -> awaitable<int> {
             co_await weir::sleep_for(1h);
             co_return x;
           },
           {.retry = {.attempts = 1}, .timeout = 2s})
      .to("out", out_);
  p.dead_letters_to(letters);
  auto& run = here.run(std::move(p));
  in_.push(1);
  in_.complete();
  const auto began = here.runtime().now();
  EXPECT_EQ(here.finish(run), state::finished);
  EXPECT_EQ(here.runtime().now() - began, 2s);
  ASSERT_EQ(letters.letters().size(), 1U);
  EXPECT_EQ(letters.letters()[0].why.message(), "timed out after 2000 ms");
}

TEST_F(VirtualNode, ReachesTheRateLimiterOfCoroutines) {
  node here;
  const weir::rate_limiter limiter{{.permits = 1, .per = 1s}};
  weir::pipeline p{"p"};
  p.from("in", in_)
      .via("limited",
           [limiter](int x) -> awaitable<int> {
             co_await limiter.acquire();
             co_return x;
           },
           {.in_flight_max = 8})
      .to("out", out_);
  p.dead_letters_to(weir::dead_letters::memory{});
  here.run(std::move(p));
  in_.push(1, 2, 3, 4);
  here.pass(2s);
  EXPECT_EQ(out_.items(), (std::vector{1, 2}));
  here.pass(2s);
  EXPECT_EQ(out_.items(), (std::vector{1, 2, 3, 4}));
}

TEST_F(VirtualNode, WaitsOutTheBackOffOfARetry) {
  node here;
  weir::pipeline p{"p"};
  p.from("in", in_).to(
      "out", out_, {.retry = {.attempts = 3, .delay_min = 10min, .delay_max = 1h, .jitter = 0}});
  p.dead_letters_to(weir::dead_letters::memory{});
  auto& run = here.run(std::move(p));
  out_.fail(weir::transient("not now", 10min));
  in_.push(7);
  in_.complete();
  here.settle();
  EXPECT_FALSE(run.workers_have_finished());
  EXPECT_EQ(here.finish(run), state::finished);
  EXPECT_EQ(out_.items(), (std::vector{7}));
}

TEST_F(VirtualNode, RunsEveryStageWithAThreadOfItsOwnAsAJob) {
  node here;
  const auto mine = std::this_thread::get_id();
  weir::pipeline p{"p"};
  p.from("in", in_, {.execution = weir::execution::own_thread})
      .via("where", [mine](const int&) { return std::this_thread::get_id() == mine ? 1 : 0; },
           {.execution = weir::execution::own_thread})
      .to("out", out_);
  p.dead_letters_to(weir::dead_letters::memory{});
  here.run(std::move(p));
  in_.push(5);
  here.settle();
  EXPECT_EQ(out_.items(), (std::vector{1}));
}

TEST_F(VirtualNode, SaysSoInsteadOfWaitingForEver) {
  node here;
  weir::pipeline p{"p"};
  p.from("in", in_).to("out", out_);
  p.dead_letters_to(weir::dead_letters::memory{});
  auto& run = here.run(std::move(p));
  EXPECT_THROW(here.finish(run), std::logic_error) << "nobody completes the source";
  EXPECT_EQ(here.drain(run), state::finished);
}

TEST_F(VirtualNode, SaysSoToAWaitUntilTheEndOfTime) {
  node here;
  weir::pipeline p{"p"};
  p.from("in", in_).to("out", out_);
  p.dead_letters_to(weir::dead_letters::memory{});
  here.run(std::move(p));
  std::mutex lock;
  std::condition_variable changed;
  std::unique_lock held{lock};
  EXPECT_THROW(here.runtime().wait(held, changed, weir::time_point::max(), [] { return false; }),
               std::logic_error);
}

TEST_F(VirtualNode, CanHaveAStuckWorker) {
  node here;
  weir::dead_letters::memory letters;
  weir::pipeline p{"p"};
  p.from("in", in_)
      .via("stage", [](const int& x) { return x; }, {.item_time_max = 1s})
      .to("out", out_);
  p.dead_letters_to(letters);
  auto& run = here.run(std::move(p));
  in_.push(1);
  here.settle();
  here.stall(2s);
  in_.push(2, 3);
  in_.complete();
  EXPECT_EQ(here.finish(run), state::finished);
  EXPECT_EQ(out_.items(), (std::vector{1, 3}));
  ASSERT_EQ(letters.letters().size(), 1U);
  EXPECT_EQ(letters.letters()[0].payload, "2");
}

TEST_F(VirtualNode, RefusesAPipelineThatCantRun) {
  node here;
  weir::pipeline p{"p"};
  p.from("in", in_).to("out", out_, {.mailbox_capacity = 0});
  EXPECT_THROW(here.run(std::move(p)), std::invalid_argument);
}

TEST_F(VirtualNode, HasTheSystemsClockBackWhenTheNodeIsGone) {
  const auto before = std::chrono::steady_clock::now();
  {
    node here;
    here.pass(1000h);
  }
  EXPECT_LT(weir::clock::now() - before, 1h);
  EXPECT_EQ(weir::virtual_time::here(), nullptr);
}

/// The order of the turns, as a text.
std::string turns(std::uint64_t seed) {
  node here{seed};
  const source_probe<int> in;
  const sink_probe<int> out;
  weir::pipeline p{"p"};
  auto [left, right] = p.from("in", in).broadcast<2>("both");
  p.merge(std::move(left).via("l", [](const int& x) { return x; }),
          std::move(right).via("r", [](const int& x) { return -x; }))
      .to("out", out, {.mailbox_capacity = 4});
  p.dead_letters_to(weir::dead_letters::memory{});
  for (int k = 0; k < 20; ++k)
    in.push(k);
  in.complete();
  auto& run = here.run(std::move(p));
  std::string all;
  while (here.runtime().step())
    all += std::string{here.runtime().last()} + " ";
  here.finish(run);
  for (const int item : out.items())
    all += std::to_string(item) + " ";
  return all;
}

TEST_F(VirtualNode, RunsTheSameForTheSameSeedAndOtherwiseForAnother) {
  EXPECT_EQ(turns(1), turns(1));
  EXPECT_EQ(turns(2), turns(2));
  EXPECT_NE(turns(1), turns(2));
}

} // namespace
