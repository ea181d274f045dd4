#include "../running.hpp"

#include <atomic>
#include <functional>
#include <string>

#include <gmock/gmock.h>

namespace {

using namespace weir_test;
using state = weir::running_pipeline::state;
using weir::context;
using weir::emitter;
using weir::result;

int broken(int) { throw std::runtime_error{"no licence"}; }

class FailingStage : public testing::Test {
protected:
  /// numbers → stage → sink
  template <class Stage>
  running start(Stage stage, weir::stage_options options = {.retry = at_once()},
                std::size_t count = 2000, std::uint32_t intensity = 5) {
    weir::pipeline p{"orders", restarting(intensity)};
    p.from("numbers", numbers(count))
        .via("stage", std::move(stage), options)
        .to("sink", out_.sink());
    p.dead_letters_to(letters_);
    return running{std::move(p)};
  }
  /// The pipeline failed, with next to nothing dead-lettered and nothing acknowledged that isn't stored.
  void expect_failed(running& r, std::size_t letters_max) {
    EXPECT_EQ(r.ended(), state::failed);
    EXPECT_EQ(r.ledger().acknowledged, out_.size());
    EXPECT_EQ(r.ledger().dead_lettered, letters_.letters().size());
    EXPECT_LE(letters_.letters().size(), letters_max);
    EXPECT_GT(r.ledger().in_flight, 0U) << "what was in flight comes back";
  }

  collected<int> out_;
  weir::dead_letters::memory letters_;
};

TEST_F(FailingStage, ThatThrowsOnOneItemInAHundredIsForgiven) {
  auto r = start([](int n) {
    if (n % 100 == 99)
      throw std::runtime_error{"one of those"};
    return n;
  });
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(2000, [](int n) { return n % 100 != 99; }));
  EXPECT_EQ(r.ledger().dead_lettered, 20U);
  EXPECT_EQ(r.stage("stage").restarts, 60U) << "three runs of each of the twenty";
  ASSERT_EQ(letters_.letters().size(), 20U);
  for (const auto& one : letters_.letters())
    EXPECT_EQ(one.why.message(), "one of those");
}

TEST_F(FailingStage, SurvivesSeveralPoisonItemsInARow) {
  for (int in_a_row : {2, 5}) {
    for (std::uint32_t attempts : {1U, 3U}) {
      out_ = {};
      letters_ = weir::dead_letters::memory{};
      auto r = start(
          [in_a_row](int n) {
            if (n >= 100 && n < 100 + in_a_row)
              throw std::runtime_error{"poison"};
            return n;
          },
          {.retry = at_once(attempts)});
      r.finishes();
      EXPECT_EQ(out_.items(), up_to(2000, [&](int n) { return n < 100 || n >= 100 + in_a_row; }));
      EXPECT_EQ(r.ledger().dead_lettered, static_cast<std::uint64_t>(in_a_row));
    }
  }
}

TEST_F(FailingStage, ThatAlwaysThrowsIsGivenUpWithinItsIntensity) {
  for (std::uint32_t attempts : {1U, 2U, 3U, 10U}) {
    letters_ = weir::dead_letters::memory{};
    auto r = start(broken, {.retry = at_once(attempts)}, 100'000);
    expect_failed(r, 5);
    EXPECT_EQ(out_.size(), 0U);
    EXPECT_LT(r.ledger().admitted, 100'000U) << "the source is not emptied";
  }
}

TEST_F(FailingStage, SaysWhyItWasGivenUp) {
  auto r = start([](int n) -> int {
    try {
      throw std::runtime_error{"certificate has expired"};
    } catch (...) {
      std::throw_with_nested(std::runtime_error{"can't price " + std::to_string(n)});
    }
  });
  EXPECT_EQ(r.ended(), state::failed);
  const auto why = r->why();
  EXPECT_EQ(why.kind, weir::failure_kind::fatal);
  EXPECT_THAT(why.message(), testing::HasSubstr("pipeline 'orders'"));
  EXPECT_THAT(why.message(), testing::HasSubstr("stage 'stage'"));
  EXPECT_THAT(why.message(), testing::HasSubstr("more than 5 restarts within 30000 ms"));
  EXPECT_THAT(why.message(),
              testing::ContainsRegex("can't price [0-9]+ ← certificate has expired$"));
}

TEST_F(FailingStage, WithoutToleranceIsGivenUpOverTheSecondItem) {
  auto r = start(broken, {.retry = at_once(1)}, 2000, 0);
  expect_failed(r, 1);
}

TEST_F(FailingStage, ThatBreaksAfterAWhileKeepsWhatWasStored) {
  auto r = start([](int n) { return n < 500 ? n : broken(n); });
  expect_failed(r, 5);
  EXPECT_EQ(out_.items(), up_to(out_.size()));
  EXPECT_LE(out_.size(), 500U);
}

TEST_F(FailingStage, BehindOneThatEmitsManyDoesNotFloodTheDeadLetters) {
  weir::pipeline p{"orders", restarting()};
  p.from("numbers", numbers(10))
      .via("many", [](int n) { return std::vector(500, n); })
      .via("stage", broken, {.retry = at_once(1)})
      .to("sink", out_.sink());
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_LE(letters_.letters().size(), 5U);
  EXPECT_EQ(r.ledger().acknowledged, 0U);
}

TEST_F(FailingStage, WithSeveralWorkersDoesNotFloodTheDeadLetters) {
  auto r = start(broken, {.workers = 4, .retry = at_once(1)}, 100'000);
  expect_failed(r, 5 + 4); // each worker may suspect one item first
}

TEST_F(FailingStage, WhoseServiceIsDownIsGivenUpToo) {
  // No exception: every item used up its attempts.
  auto r = start([](int) -> result<int> { return weir::transient("service is down"); });
  expect_failed(r, 5);
  EXPECT_THAT(r->why().message(), testing::EndsWith("service is down"));
}

TEST_F(FailingStage, OfBatchesIsGivenUpToo) {
  // One batch at a time, so that the memory of each is used again for the next.
  struct sink {
    using input = weir::batch<int>;
    result<weir::batch_outcome> on_batch(const input&, context&) {
      throw std::runtime_error{"no such table"};
    }
  };
  weir::pipeline p{"orders", restarting()};
  p.from("numbers", numbers(5000))
      .batch("batch", {.size_max = 1, .mailbox_capacity = 1})
      .to("sink", sink{}, {.mailbox_capacity = 1, .retry = at_once(1)});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  expect_failed(r, 5);
}

TEST_F(FailingStage, WhoseFactoryAlwaysThrowsIsGivenUp) {
  auto r =
      start(weir::factory{[]() -> int (*)(int) { throw std::runtime_error{"no model file"}; }});
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_THAT(r->why().message(), testing::EndsWith("stage 'stage' ← no model file"));
  EXPECT_TRUE(letters_.letters().empty());
  EXPECT_EQ(r.ledger().acknowledged, 0U);
}

/// Its functions do what the test says; each counts its calls from 1.
struct scripted {
  using input = int;
  using output = int;
  std::function<result<void>(int)> starts = [](int) { return result<void>{}; };
  std::function<result<void>(int)> drains = [](int) { return result<void>{}; };
  std::shared_ptr<std::atomic<int>> start_calls = std::make_shared<std::atomic<int>>(0);
  std::shared_ptr<std::atomic<int>> drain_calls = std::make_shared<std::atomic<int>>(0);

  result<void> on_start(context&) { return starts(++*start_calls); }
  void on_item(const int& n, emitter<int>& out, context&) { out(n); }
  result<void> on_drain(emitter<int>& out, context&) {
    out(-1);
    return drains(++*drain_calls);
  }
};

std::vector<int> all_and_the_last(std::size_t count) {
  auto all = up_to(count);
  all.push_back(-1);
  return all;
}

TEST_F(FailingStage, ThatCantStartForAWhileLosesNothing) {
  auto r = start(scripted{.starts = [](int call) -> result<void> {
    if (call == 1)
      return weir::transient("connection refused");
    if (call == 2)
      throw std::runtime_error{"connection reset"};
    return {};
  }});
  r.finishes();
  EXPECT_EQ(out_.items(), all_and_the_last(2000));
  EXPECT_EQ(r.stage("stage").restarts, 2U);
}

TEST_F(FailingStage, ThatCantStartIsGivenUp) {
  auto r = start(scripted{
      .starts = [](int) -> result<void> { return weir::transient("connection refused"); }});
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_THAT(r->why().message(), testing::EndsWith("stage 'stage' ← connection refused"));
  EXPECT_EQ(r.ledger().settled(), 0U);
}

TEST_F(FailingStage, ThatFailsToDrainIsDrainedAgain) {
  auto r = start(scripted{.drains = [](int call) -> result<void> {
    if (call == 1)
      throw std::runtime_error{"can't flush"};
    if (call == 2)
      return weir::fatal("can't flush");
    if (call == 3)
      return weir::transient("can't flush just now");
    return {};
  }});
  r.finishes();
  EXPECT_EQ(out_.items(), all_and_the_last(2000)) << "what a failed drain emitted is rolled back";
  EXPECT_EQ(r.stage("stage").restarts, 2U);
  EXPECT_EQ(r.stage("stage").failed, 3U);
}

TEST_F(FailingStage, ThatNeverDrainsIsGivenUp) {
  auto r = start(scripted{.drains = [](int call) -> result<void> {
    if (call % 2 == 0)
      throw std::runtime_error{"can't flush"};
    return weir::fatal("can't flush");
  }});
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_THAT(r->why().message(), testing::EndsWith("stage 'stage' ← can't flush"));
  EXPECT_EQ(r.ledger().acknowledged, out_.size());
}

/// Its timer fails three times, each time in another way.
struct ticking {
  using input = int;
  using output = int;
  std::shared_ptr<std::atomic<int>> calls = std::make_shared<std::atomic<int>>(0);
  void on_start(context& where) { where.wake_at(where.now()); }
  void on_item(const int& n, emitter<int>& out, context&) { out(n); }
  result<void> on_timer(emitter<int>&, context&) {
    switch (++*calls) {
    case 1:
      throw 7;
    case 2:
      return weir::fatal("a clock that stands still");
    case 3:
      return weir::transient("not just now");
    default:
      return {};
    }
  }
};

TEST_F(FailingStage, WhoseTimerFailsIsRestarted) {
  auto r = start(ticking{});
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(2000));
  EXPECT_EQ(r.stage("stage").restarts, 2U);
}

/// A sink whose life is told by the test.
struct scripted_sink {
  using input = int;
  collected<int> out;
  std::function<result<void>(int)> starts = [](int) { return result<void>{}; };
  std::function<result<void>(int)> drains = [](int) { return result<void>{}; };
  std::shared_ptr<std::atomic<int>> start_calls = std::make_shared<std::atomic<int>>(0);
  std::shared_ptr<std::atomic<int>> drain_calls = std::make_shared<std::atomic<int>>(0);

  result<void> on_start(context&) { return starts(++*start_calls); }
  void on_item(const int& n, context&) { out.add(n); }
  result<void> on_drain(context&) { return drains(++*drain_calls); }
};

TEST_F(FailingStage, ThatHasNowhereToParkIsGivenUpWhenWhatIsNotItsOwnFails) {
  weir::pipeline p{"orders", restarting(2)};
  p.from("numbers", numbers(3))
      .via("many", [](const int& n) noexcept { return std::vector<int>(2000, n); },
           {.retry = at_once()}) // more than its outputs_max
      .to("sink", [](const int&) noexcept {});
  ASSERT_EQ(p.validate().size(), 0U);
  running r{std::move(p)};
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_THAT(r->why().message(), testing::HasSubstr("escalated the failure of 'many'"));
  EXPECT_EQ(r.ledger().acknowledged, 0U);
}

TEST_F(FailingStage, ThatIsASinkIsStartedAndDrainedAgain) {
  scripted_sink sink{.out = out_,
                     .starts = [](int call) -> result<void> {
                       if (call == 1)
                         throw std::runtime_error{"locked"};
                       return {};
                     },
                     .drains = [](int call) -> result<void> {
                       if (call == 1)
                         throw std::runtime_error{"can't commit"};
                       if (call == 2)
                         return weir::transient("busy");
                       return {};
                     }};
  weir::pipeline p{"orders", restarting()};
  p.from("numbers", numbers(100)).to("sink", sink, {.retry = at_once()});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(100));
  EXPECT_EQ(*sink.drain_calls, 3);
}

} // namespace
