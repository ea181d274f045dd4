#include "../running.hpp"

#include <weir/actors/sleep.hpp>
#include <weir/stages/awaitable.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

/// Stages that wait, in virtual time.
namespace {

using namespace weir_test;
using boost::asio::awaitable;
using weir::result;
using state = weir::running_pipeline::state;

class AwaitableStage : public testing::Test {
protected:
  static constexpr std::size_t count = 20;

  template <class Stage>
  weir::pipeline with(Stage stage, weir::stage_options options) {
    weir::pipeline p{"waiting", restarting()};
    p.from("numbers", numbers(count))
        .via("stage", std::move(stage), options)
        .to("sink", out_.sink());
    p.dead_letters_to(letters_);
    return p;
  }

  collected<int> begun_;
  collected<int> out_;
  weir::dead_letters::memory letters_;
};

TEST_F(AwaitableStage, WorksOnNoMoreItemsThanItMay) {
  running r{with(
      [begun = begun_](int n) -> awaitable<result<int>> {
        begun.add(n);
        co_await weir::sleep_for(1s);
        co_return n;
      },
      {.in_flight_max = 4})};
  EXPECT_EQ(begun_.items(), up_to(4));
  EXPECT_EQ(out_.size(), 0U);
  r.pass(1s);
  EXPECT_EQ(out_.items(), up_to(4));
  EXPECT_EQ(begun_.items(), up_to(8));
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(count));
}

TEST_F(AwaitableStage, KeepsTheOrderUnlessItIsRelaxed) {
  for (const auto order : {weir::order::kept, weir::order::relaxed}) {
    out_ = {};
    running r{with(
        [](int n) -> awaitable<result<int>> {
          co_await weir::sleep_for((n % 4 == 0 ? 4 : 1) * 1s);
          co_return n;
        },
        {.in_flight_max = 4, .order = order})};
    r.pass(1s);
    EXPECT_EQ(out_.items(),
              order == weir::order::kept ? std::vector<int>{} : (std::vector{1, 2, 3}));
    r.finishes();
    auto all = out_.items();
    std::ranges::sort(all);
    EXPECT_EQ(all, up_to(count));
    EXPECT_EQ(std::ranges::is_sorted(out_.items()), order == weir::order::kept);
  }
}

TEST_F(AwaitableStage, IsCancelledAfterItsTimeAndTriedAgain) {
  auto runs = std::make_shared<int>(0);
  running r{with(
      [runs](int n) -> awaitable<result<int>> {
        if (n == 3 && ++*runs < 3)
          co_await weir::sleep_for(1h);
        co_return n;
      },
      {.retry = at_once(), .in_flight_max = 2, .timeout = 2s})};
  r.pass(2s);
  EXPECT_EQ(out_.items(), up_to(3));
  EXPECT_EQ(r.stage("stage").last_failure, "timed out after 2000 ms");
  r.pass(2s);
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(count));
  EXPECT_EQ(*runs, 3);
}

TEST_F(AwaitableStage, AnItemThatWaitsForItsRetryDoesNotHoldUpTheOthers) {
  auto runs = std::make_shared<int>(0);
  running r{with(
      [runs](int n) -> awaitable<result<int>> {
        if (n == 3 && ++*runs < 3)
          co_return weir::transient("not yet");
        co_return n;
      },
      {.retry = {.delay_min = 1h, .delay_max = 1h, .jitter = 0},
       .in_flight_max = 2,
       .order = weir::order::relaxed})};
  EXPECT_EQ(*runs, 2) << "the first retry is at once";
  EXPECT_EQ(out_.items(), up_to(count, [](int n) { return n != 3; }));
  r.finishes();
  EXPECT_EQ(out_.size(), count);
}

TEST_F(AwaitableStage, ASuccessThatIsSeenWithAnEarlierFailureForgivesIt) {
  const auto stage = [] {
    return [failed = std::make_shared<bool>(false)](int n) -> awaitable<result<int>> {
      co_await weir::sleep_for(1ms);
      if (n == 0 && !std::exchange(*failed, true))
        co_return weir::fatal("ouch");
      co_return n;
    };
  };
  const weir::stage_options pairs{.retry = at_once(weir::unlimited), .in_flight_max = 2};
  weir::pipeline p{"waiting", restarting(1)};
  p.from("numbers", numbers(count))
      .via("first", stage(), pairs)
      .via("second", stage(), pairs)
      .to("sink", out_.sink());
  p.dead_letters_to(letters_);
  // What waits goes on first: so the runs of a pair end before the worker's turn.
  running r{std::move(p), {.job = [](std::size_t jobs) { return jobs - 1; }}};
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(count));
  EXPECT_EQ(r.stage("first").restarts + r.stage("second").restarts, 2U)
      << "more than the supervisor's intensity, were they charged";
}

TEST_F(AwaitableStage, ThatThrowsGetsAFreshFunctionWhileItsOtherRunsGoOn) {
  auto runs = std::make_shared<int>(0);
  running r{with(
      [runs](int n) -> awaitable<result<int>> {
        if (n == 3 && ++*runs == 1)
          throw std::runtime_error{"ouch"};
        co_await weir::sleep_for(1s);
        co_return n;
      },
      {.retry = at_once(), .in_flight_max = 4})};
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(count));
  EXPECT_EQ(r.stage("stage").restarts, 1U);
}

/// Its move throws once it is armed: that is the worker's end, and the pipeline's, whatever goes on.
struct unmovable_later {
  int n;
  std::shared_ptr<bool> armed;
  unmovable_later(int number, std::shared_ptr<bool> when) : n{number}, armed{std::move(when)} {}
  unmovable_later(const unmovable_later&) = default;
  // That it throws and leaves the other as it was is the point.
  // NOLINTNEXTLINE(performance-noexcept-move-constructor, performance-move-constructor-init)
  unmovable_later(unmovable_later&& other) : n{other.n}, armed{other.armed} {
    if (*armed)
      throw std::runtime_error{"can't be moved"};
  }
};
std::string weir_payload(const unmovable_later& one) { return std::to_string(one.n); }

TEST_F(AwaitableStage, LeavesNothingBehindThatTouchesAWorkerThatCrashed) {
  struct counted_end {
    std::shared_ptr<int> ended;
    ~counted_end() { ++*ended; }
  };
  auto armed = std::make_shared<bool>(false);
  auto begun = std::make_shared<int>(0);
  auto ended = std::make_shared<int>(0);
  weir::virtual_runtime node;
  {
    weir::pipeline p{"waiting", restarting()};
    p.from("source", counted{count,
                             [=](std::size_t n) {
                               return unmovable_later{static_cast<int>(n), armed};
                             }})
        .via("stage",
             [=](const unmovable_later& one) -> awaitable<int> {
               ++*begun;
               const counted_end at_end{ended};
               if (one.n == 0)
                 *armed = true;
               else
                 co_await weir::sleep_for(1h);
               co_return one.n;
             },
             {.in_flight_max = 4})
        .to("sink", out_.sink());
    p.dead_letters_to(letters_);
    weir::running_pipeline r{std::move(p), node};
    ASSERT_TRUE(r.start());
    EXPECT_EQ(r.wait(), state::failed);
    EXPECT_EQ(r.why().message(), "pipeline 'waiting' ← worker 'stage' ← can't be moved");
    EXPECT_EQ(*begun, 4);
  }
  node.run_until_idle();
  EXPECT_EQ(*ended, 4) << "what still waited was cancelled";
  node.advance(2h); // else it would tell the worker now
}

TEST_F(AwaitableStage, IsCancelledByAnAbort) {
  running r{with(
      [](int n) -> awaitable<result<int>> {
        co_await weir::sleep_for(1h);
        co_return n;
      },
      {.in_flight_max = 4})};
  const auto before = r.node().now();
  r->abort();
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(r.node().now(), before);
  EXPECT_EQ(out_.size(), 0U);
}

} // namespace
