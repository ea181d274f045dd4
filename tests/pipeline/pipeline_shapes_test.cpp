#include "../threads.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <set>
#include <string>

namespace {

using namespace weir_test;
using weir::emitter;
using weir::execution;

constexpr std::size_t count = 500;
int same(int n) noexcept { return n; }

TEST(Pipeline, LosesAndDoublesNothingWithSeveralWorkers) {
  for (std::uint32_t capacity : {4U, 5U, 1024U}) {
    collected<int> out;
    weir::pipeline p{"workers"};
    p.from("source", numbers(5000))
        .via("first", same, {.workers = 4, .mailbox_capacity = capacity})
        .via("second",
             [](int n) noexcept {
               return std::vector{n, -n};
             },
             {.workers = 3, .mailbox_capacity = capacity})
        .to("sink", out.sink(), {.workers = 2, .mailbox_capacity = capacity});
    const auto done = run_on_threads(std::move(p));
    auto got = out.items();
    std::ranges::sort(got);
    std::vector<int> expected;
    for (int n = -4999; n <= 4999; ++n)
      expected.insert(expected.end(), n == 0 ? 2 : 1, n);
    EXPECT_EQ(got, expected);
    EXPECT_EQ(done.ledger.acknowledged, 5000U);
    EXPECT_EQ(done.stages[1].processed, 5000U);
  }
}

TEST(Pipeline, GivesEveryWorkerItsOwnFunction) {
  // A function that is not safe for threads: were it shared, the counts would not add up.
  std::atomic<int> total = 0;
  struct counting {
    using input = int;
    using output = int;
    std::atomic<int>* total;
    int mine = 0;
    void on_item(const int&, emitter<int>&, weir::context&) { ++mine; }
    void on_drain(emitter<int>& out, weir::context&) {
      *total += mine;
      out(mine);
    }
  };
  collected<int> out;
  weir::dead_letters::memory letters;
  weir::pipeline p{"workers"};
  p.from("source", numbers(count))
      .via("count", counting{&total}, {.workers = 4})
      .to("sink", out.sink());
  p.dead_letters_to(letters);
  run_on_threads(std::move(p));
  EXPECT_EQ(total, static_cast<int>(count));
  EXPECT_EQ(out.size(), 4U) << "every worker is drained";
}

TEST(Pipeline, RunsStagesOnThreadsOfTheirOwn) {
  std::set<std::thread::id> threads;
  collected<int> out;
  weir::pipeline p{"threads"};
  const weir::stage_options own{.mailbox_capacity = 3, .execution = execution::own_thread};
  p.from("source", numbers(count), own)
      .via(
          "stage",
          [&](int n) noexcept {
            threads.insert(std::this_thread::get_id());
            return n;
          },
          own)
      .via("shared", same)
      .to("sink", out.sink(), own);
  run_on_threads(std::move(p));
  EXPECT_EQ(out.items(), up_to(count));
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST(Pipeline, RunsOnASchedulerOfOneThread) {
  collected<int> out;
  weir::pipeline p{"chain"};
  p.from("source", numbers(count))
      .via("one", same, {.mailbox_capacity = 1})
      .via("two", same, {.mailbox_capacity = 2})
      .to("sink", out.sink(), {.mailbox_capacity = 1});
  running_on_threads r{std::move(p), {.threads = 1}};
  r.finishes();
  EXPECT_EQ(out.items(), up_to(count));
}

TEST(Pipeline, KeepsTheOrderThroughAChainOfOneItemMailboxes) {
  collected<int> out;
  const weir::stage_options one{.mailbox_capacity = 1};
  weir::pipeline p{"chain"};
  p.from("source", numbers(count))
      .via("a", same, one)
      .via("b", same, one)
      .via("c", same, one)
      .via("d", same, one)
      .via("e", same, one)
      .via("f", same, one)
      .to("sink", out.sink(), one);
  run_on_threads(std::move(p));
  EXPECT_EQ(out.items(), up_to(count));
}

TEST(Pipeline, KeepsTheOrderThroughUnequalMailboxes) {
  collected<int> out;
  weir::pipeline p{"chain"};
  p.from("source", numbers(5000))
      .via("a", same, {.mailbox_capacity = 7})
      .via("b", same, {.mailbox_capacity = 1000})
      .via("c", same, {.mailbox_capacity = 3})
      .to("sink", out.sink(), {.mailbox_capacity = 129});
  run_on_threads(std::move(p));
  EXPECT_EQ(out.items(), up_to(5000));
}

/// Each shape as a function that adds a stage, so that all go through one test.
struct shape {
  const char* name;
  std::function<weir::flow<int>(weir::flow<int>, weir::stage_options)> add;
};

struct passing {
  using input = int;
  using output = int;
  void on_item(const int& n, emitter<int>& out, weir::context&) { out(n); }
};

class EndOfStream : public testing::TestWithParam<shape> {};

TEST_P(EndOfStream, FlowsThroughWithoutCredit) {
  // The sink leaves the only item its mailbox has room for where it is; the source ends behind it.
  const auto out = sink_probe<int>::on_request();
  weir::pipeline p{"ends"};
  const weir::stage_options one{.mailbox_capacity = 1};
  GetParam().add(p.from("source", numbers(1)), one).to("sink", out, one);
  p.dead_letters_to(weir::dead_letters::memory{});
  running r{std::move(p)};
  EXPECT_EQ(r.stage("sink").backlog, 1U);
  out.request(1);
  r.finishes();
  EXPECT_EQ(out.items(), up_to(1));
}

TEST_P(EndOfStream, WaitsForWhatIsStillInTheMailboxes) {
  const auto out = sink_probe<int>::on_request();
  weir::pipeline p{"ends"};
  const weir::stage_options two{.mailbox_capacity = 2};
  GetParam().add(p.from("source", numbers(50)), two).to("sink", out, two);
  p.dead_letters_to(weir::dead_letters::memory{});
  running r{std::move(p)};
  EXPECT_EQ(r.stage("sink").backlog, 2U);
  r->drain();
  r.settle();
  EXPECT_GT(r.ledger().in_flight, 0U);
  out.request(50);
  r.finishes();
  auto admitted = up_to(r.ledger().admitted);
  EXPECT_EQ(out.items(), admitted);
  EXPECT_EQ(r.ledger().acknowledged, admitted.size());
}

INSTANTIATE_TEST_SUITE_P(
    Shape, EndOfStream,
    testing::Values(
        shape{"plain", [](auto in, auto o) { return std::move(in).via("stage", same, o); }},
        shape{"throwing",
              [](auto in, auto o) {
                return std::move(in).via(
                    "stage", [](int n) { return n; }, o);
              }},
        shape{"optional",
              [](auto in, auto o) {
                return std::move(in).via(
                    "stage", [](int n) { return std::optional{n}; }, o);
              }},
        shape{"vector",
              [](auto in, auto o) {
                return std::move(in).via(
                    "stage", [](int n) { return std::vector{n}; }, o);
              }},
        shape{"emitter",
              [](auto in, auto o) {
                return std::move(in).via(
                    "stage", [](int n, emitter<int>& out) { out(n); }, o);
              }},
        shape{"stateful", [](auto in, auto o) { return std::move(in).via("stage", passing{}, o); }},
        shape{"batch",
              [](auto in, auto o) {
                return std::move(in)
                    .batch("batch", {.size_max = 1, .delay_max = 1h, .mailbox_capacity = 1})
                    .via(
                        "stage", [](const weir::batch<int>& all) { return all.items; }, o);
              }},
        shape{"route",
              [](auto in, auto o) {
                auto [yes, no] =
                    std::move(in).route([](const int&) noexcept { return true; }, "route");
                std::move(no).to("rest", [](const int&) noexcept {});
                return std::move(yes).via("stage", same, o);
              }},
        shape{"broadcast",
              [](auto in, auto o) {
                auto [yes, no] = std::move(in).template broadcast<2>("broadcast");
                std::move(no).to("rest", [](const int&) noexcept {});
                return std::move(yes).via("stage", same, o);
              }},
        shape{"key_by",
              [](auto in, auto o) {
                return std::move(in)
                    .key_by([](const int&) { return 0; }, {.lanes = 1})
                    .via("stage", same, o)
                    .merge();
              }}),
    [](const auto& each) { return std::string{each.param.name}; });

TEST(Pipeline, HandsOnMoreOutputsOfAnItemThanTheNextMailboxHolds) {
  collected<int> out;
  weir::dead_letters::memory letters;
  weir::pipeline p{"many"};
  p.from("source", numbers(20))
      .via("hundredfold",
           [](int n, emitter<int>& emit) {
             for (int k = 0; k < 100; ++k)
               emit(100 * n + k);
           },
           {.mailbox_capacity = 2})
      .to("sink", out.sink(), {.mailbox_capacity = 3});
  p.dead_letters_to(letters);
  const auto done = run(std::move(p));
  EXPECT_EQ(out.items(), up_to(2000));
  EXPECT_EQ(done.ledger.acknowledged, 20U);
}

TEST(Pipeline, RefusesAnItemThatLeadsToTooManyOutputs) {
  collected<int> out;
  weir::dead_letters::memory letters;
  weir::pipeline p{"many", restarting()};
  p.from("source", numbers(5))
      .via("times", [](int n) { return std::vector(static_cast<std::size_t>(n), n); },
           {.retry = at_once(1), .outputs_max = 3})
      .to("sink", out.sink());
  p.dead_letters_to(letters);
  const auto done = run(std::move(p));
  EXPECT_EQ(out.items(), (std::vector{1, 2, 2, 3, 3, 3}));
  EXPECT_EQ(done.ledger, (weir::ledger_totals{
                             .admitted = 5, .acknowledged = 3, .filtered = 1, .dead_lettered = 1}));
  ASSERT_EQ(letters.letters().size(), 1U);
  EXPECT_EQ(letters.letters().front().payload, "4");
  EXPECT_EQ(letters.letters().front().why.message(),
            "one item led to more than 3 outputs (stage option outputs_max)");
}

/// Its token tells how many of it there are.
struct tracked {
  std::shared_ptr<int> token;
};
std::string weir_payload(const tracked&) { return {}; }

/// Emits a hundred for each item.
struct hundredfold {
  using input = int;
  using output = tracked;
  std::weak_ptr<int> token;
  void on_item(const int&, emitter<tracked>& out, weir::context&) {
    for (int k = 0; k < 100; ++k)
      out(tracked{token.lock()});
  }
};
struct recoverable_hundredfold : hundredfold {
  int checkpoint() const { return 0; }
  void restore(int) {}
};

template <class Stage>
class BoundedStage : public testing::Test {};
using hundredfolds = testing::Types<hundredfold, recoverable_hundredfold>;
TYPED_TEST_SUITE(BoundedStage, hundredfolds);

TYPED_TEST(BoundedStage, HoldsNoMoreThanOneItemsOutputsBeyondTheNextMailbox) {
  auto token = std::make_shared<int>();
  TypeParam stage;
  stage.token = token;
  const auto out = sink_probe<tracked>::on_request();
  weir::pipeline p{"bounded"};
  p.from("source", numbers(count)).via("stage", stage).to("sink", out, {.mailbox_capacity = 10});
  p.dead_letters_to(weir::dead_letters::memory{});
  running r{std::move(p)};
  EXPECT_GT(r.stage("stage").backlog, 400U);
  EXPECT_LE(token.use_count() - 1, 10 + 100);
  out.request(100 * count);
  r.finishes();
}

TEST(Pipeline, AdmitsNoMoreThanItsMailboxesHold) {
  const auto out = sink_probe<int>::on_request();
  weir::pipeline p{"bounded"};
  p.from("source", numbers(100'000))
      .via("stage", same, {.mailbox_capacity = 10})
      .to("sink", out, {.mailbox_capacity = 5});
  p.dead_letters_to(weir::dead_letters::memory{});
  running r{std::move(p)};
  EXPECT_GT(r.stage("stage").backlog, 5U);
  EXPECT_EQ(r.stage("sink").backlog, 5U);
  r->drain();
  out.request(100'000);
  r.finishes();
  EXPECT_GT(r.ledger().admitted, 10U);
  EXPECT_LE(r.ledger().admitted, 15U);
}

TEST(Pipeline, SharesAMailboxAmongThoseWhoFillIt) {
  const auto out = sink_probe<int>::on_request();
  weir::pipeline p{"bounded"};
  p.merge(p.from("one", numbers(1000)), p.from("two", numbers(1000)),
          p.from("three", numbers(1000)))
      .to("sink", out, {.mailbox_capacity = 10});
  p.dead_letters_to(weir::dead_letters::memory{});
  running r{std::move(p)};
  EXPECT_EQ(r.stage("sink").backlog, 9U);
  EXPECT_LE(r.ledger().admitted, 10U);
  out.request(3000);
  r.finishes();
}

} // namespace
