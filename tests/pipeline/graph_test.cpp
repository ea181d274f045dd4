#include "../running.hpp"

#include <weir/pipeline/graph.hpp>

#include <functional>
#include <limits>
#include <optional>
#include <string>

namespace {

using namespace weir_test;
using namespace std::chrono_literals;
using weir::graph;
using weir::stage_kind;
using sentences = std::vector<std::string>;

/// source → stage → sink, with nothing wrong.
graph good() {
  graph g;
  g.name = "orders";
  g.stages = {{.name = "source",
               .kind = stage_kind::source,
               .options = {},
               .batch = {},
               .input = {},
               .output = "int"},
              {.name = "stage",
               .kind = stage_kind::transform,
               .options = {},
               .batch = {},
               .input = "int",
               .output = "int"},
              {.name = "sink",
               .kind = stage_kind::sink,
               .options = {},
               .batch = {},
               .input = "int",
               .output = {},
               .legs = 0}};
  g.edges = {{.from = 0, .to = 1}, {.from = 1, .to = 2}};
  return g;
}

/// What is wrong once the good graph was changed.
sentences problems(const std::function<void(graph&)>& change) {
  auto g = good();
  change(g);
  return g.problems();
}
/// The same if only the stage in the middle was changed.
sentences of_stage(const std::function<void(weir::graph_stage&)>& change) {
  return problems([&](graph& g) { change(g.stages[1]); });
}
sentences of_options(const std::function<void(weir::stage_options&)>& change) {
  return of_stage([&](weir::graph_stage& one) { change(one.options); });
}
sentences of_batch(const std::function<void(weir::batch_options&)>& change) {
  return of_stage([&](weir::graph_stage& one) {
    one.kind = stage_kind::batch;
    change(one.batch);
  });
}

TEST(Graph, ThatIsGoodHasNoProblems) { EXPECT_EQ(good().problems(), sentences{}); }

TEST(Graph, WithoutASinkIsRefused) {
  EXPECT_EQ(problems([](graph& g) {
              g.stages.pop_back();
              g.edges.pop_back();
            }),
            (sentences{"pipeline 'orders' has no sink: end its flows with to()",
                       "stage 'stage': its flow leads nowhere: end it with to()"}));
}

TEST(Graph, WithoutAnythingIsRefused) {
  graph g;
  g.name = "empty";
  EXPECT_EQ(g.problems(), sentences{"pipeline 'empty' has no sink: end its flows with to()"});
}

TEST(Graph, WithAFlowThatLeadsNowhereIsRefused) {
  EXPECT_EQ(problems([](graph& g) {
              g.stages[1].kind = stage_kind::broadcast;
              g.stages[1].legs = 3;
            }),
            (sentences{"stage 'stage': its flow 1 leads nowhere: end it with to()",
                       "stage 'stage': its flow 2 leads nowhere: end it with to()"}));
}

TEST(Graph, WithAStageThatNothingReachesIsRefused) {
  EXPECT_EQ(problems([](graph& g) { g.edges.erase(g.edges.begin()); }),
            (sentences{"stage 'source': its flow leads nowhere: end it with to()",
                       "stage 'stage': nothing flows into it: its flow was used before; "
                       "broadcast() makes several of one"}));
}

TEST(Graph, WithAFlowThatIsUsedTwiceIsRefused) {
  const auto twice = [](graph& g) {
    g.stages.push_back(g.stages[2]);
    g.stages[3].name = "other";
    g.edges.push_back({.from = 1, .to = 3});
  };
  EXPECT_EQ(problems(twice),
            sentences{"stage 'stage': its flow is used twice: broadcast() makes several of one"});
  EXPECT_EQ(problems([&](graph& g) {
              twice(g);
              g.stages[1].legs = 2;
            }),
            (sentences{"stage 'stage': its flow 0 is used twice: broadcast() makes several of one",
                       "stage 'stage': its flow 1 leads nowhere: end it with to()"}));
}

TEST(Graph, WithTwoStagesOfOneNameIsRefused) {
  EXPECT_EQ(problems([](graph& g) { g.stages[2].name = "source"; }),
            sentences{"stage 'source': there is another stage of that name"});
}

TEST(Graph, WithABadNameIsRefused) {
  const auto rule =
      std::string{"a name is 1 to 63 characters a-z, 0-9, '-', '_', '.', the first a letter"};
  const sentences bad{"",
                      "Orders",
                      "1st",
                      "-x",
                      ".",
                      "two words",
                      "tab\t",
                      "größe",
                      "a/b",
                      "quote\"",
                      std::string(64, 'a')};
  for (const auto& name : bad) {
    EXPECT_EQ(problems([&](graph& g) { g.stages[1].name = name; }),
              sentences{"stage '" + name + "': " + rule});
    EXPECT_EQ(problems([&](graph& g) { g.name = name; }),
              sentences{"pipeline '" + name + "': " + rule});
  }
  EXPECT_EQ(problems([&](graph& g) { g.name = std::string("nul\0", 4); }).size(), 1U);
  for (const auto& name : sentences{"a", "a1-b_c.d", std::string(63, 'z')})
    EXPECT_EQ(problems([&](graph& g) { g.name = g.stages[1].name = name; }), sentences{}) << name;
}

TEST(Graph, WithACapacityOfZeroOrBeyondTheLimitIsRefused) {
  EXPECT_EQ(of_options([](auto& o) { o.mailbox_capacity = 0; }),
            sentences{"stage 'stage': mailbox_capacity must be 1 to 1,048,576, not 0 items"});
  EXPECT_EQ(
      of_options([](auto& o) { o.mailbox_capacity = 1048577; }),
      sentences{"stage 'stage': mailbox_capacity must be 1 to 1,048,576, not 1,048,577 items"});
  EXPECT_EQ(
      of_options([](auto& o) { o.mailbox_capacity = UINT32_MAX; }),
      sentences{"stage 'stage': mailbox_capacity must be 1 to 1,048,576, not 4,294,967,295 items"});
  for (std::uint32_t capacity : {1U, 3U, 1048576U})
    EXPECT_EQ(of_options([&](auto& o) { o.mailbox_capacity = capacity; }), sentences{});
}

TEST(Graph, WithACapacityThatCantBeSharedIsRefused) {
  EXPECT_EQ(problems([](graph& g) {
              g.stages[1].options.workers = 5;
              g.stages[2].options.mailbox_capacity = 4;
            }),
            sentences{"stage 'sink': mailbox_capacity 4 can't be shared among the 5 workers before "
                      "it: it must be at least as many"});
}

TEST(Graph, WithABatchLargerThanItsMailboxIsRefused) {
  EXPECT_EQ(of_stage([](auto& one) {
              one.kind = stage_kind::batch;
              one.batch.size_max = 11;
              one.options.mailbox_capacity = 10;
            }),
            sentences{"stage 'stage': size_max 11 is larger than mailbox_capacity 10"});
  EXPECT_EQ(of_batch([](auto& b) { b.size_max = 0; }),
            sentences{"stage 'stage': size_max must be 1 to 131,008, not 0 items"});
  EXPECT_EQ(of_batch([](auto& b) { b.size_max = 1024; }), sentences{});
}

TEST(Graph, WithABatchLargerThanASourcesItemsInFlightIsRefused) { // it would never fill
  const auto of_size = [](std::uint32_t size) {
    return of_stage([size](auto& one) {
      one.kind = stage_kind::batch;
      one.batch.size_max = size;
      one.options.mailbox_capacity = 200'000;
    });
  };
  EXPECT_EQ(of_size(131'008), sentences{});
  EXPECT_EQ(of_size(131'009),
            sentences{"stage 'stage': size_max must be 1 to 131,008, not 131,009 items"});
}

TEST(Graph, WithANegativeDurationIsRefused) {
  EXPECT_EQ(of_batch([](auto& b) { b.delay_max = -1ms; }),
            sentences{"stage 'stage': delay_max must be 0 to 365 days, not -1 ms"});
  EXPECT_EQ(of_options([](auto& o) { o.retry.delay_min = -5ms; }),
            sentences{"stage 'stage': retry.delay_min must be 0 to 365 days, not -5 ms"});
  EXPECT_EQ(of_options([](auto& o) { o.retry.delay_max = -5ms; }),
            (sentences{"stage 'stage': retry.delay_max must be 0 to 365 days, not -5 ms",
                       "stage 'stage': retry.delay_max is less than retry.delay_min"}));
  EXPECT_EQ(of_stage([](auto& one) {
              one.waits = true;
              one.options.timeout = -1ms;
            }),
            sentences{"stage 'stage': timeout must be 0 to 365 days, not -1 ms"});
  EXPECT_EQ(of_options([](auto& o) { o.item_time_max = -1ms; }),
            sentences{"stage 'stage': item_time_max must be 0 to 365 days, not -1 ms"});
  EXPECT_EQ(of_options([](auto& o) { o.rate = {.permits = 1, .per = 0ms}; }),
            sentences{"stage 'stage': rate.per must be 1 to 365 days, not 0 ms"});
  EXPECT_EQ(of_options([](auto& o) { o.rate = {.permits = 1, .per = -1ms}; }),
            sentences{"stage 'stage': rate.per must be 1 to 365 days, not -1 ms"});
}

TEST(Graph, WithADurationOfMoreThanAYearIsRefused) {
  static constexpr auto most = std::chrono::milliseconds::max();
  const auto too_long = [](const std::string& what) {
    const auto from = what == "rate.per" ? "1" : "0";
    return sentences{"stage 'stage': " + what + " must be " + from
                     + " to 365 days, not 9.22337e+18 ms"};
  };
  EXPECT_EQ(of_batch([](auto& b) { b.delay_max = most; }), too_long("delay_max"));
  EXPECT_EQ(of_batch([](auto& b) { b.delay_max = std::chrono::hours{24 * 365}; }), sentences{});
  EXPECT_EQ(of_options([](auto& o) { o.retry.delay_max = most; }), too_long("retry.delay_max"));
  EXPECT_EQ(of_options([](auto& o) { o.rate = {.permits = 1, .per = most}; }),
            too_long("rate.per"));
  EXPECT_EQ(of_stage([](auto& one) {
              one.waits = true;
              one.options.timeout = most;
            }),
            too_long("timeout"));
  EXPECT_EQ(of_options([](auto& o) { o.item_time_max = most; }).front(),
            too_long("item_time_max").front());
}

TEST(Graph, WithARetryThatMakesNoSenseIsRefused) {
  EXPECT_EQ(of_options([](auto& o) { o.retry.attempts = 0; }),
            sentences{"stage 'stage': retry.attempts must be at least 1, not 0"});
  EXPECT_EQ(of_options([](auto& o) { o.retry.factor = 0.5; }),
            sentences{"stage 'stage': retry.factor must be at least 1, not 0.5"});
  for (double jitter : {-0.1, 1.1})
    EXPECT_EQ(of_options([&](auto& o) { o.retry.jitter = jitter; }),
              sentences{"stage 'stage': retry.jitter must be 0 to 1, not "
                        + std::string{jitter < 0 ? "-0.1" : "1.1"}});
  EXPECT_EQ(of_options([](auto& o) { o.retry.delay_min = 6s; }),
            sentences{"stage 'stage': retry.delay_max is less than retry.delay_min"});
  const auto not_a_number = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(of_options([&](auto& o) { o.retry.factor = not_a_number; }),
            sentences{"stage 'stage': retry.factor must be at least 1, not nan"});
  EXPECT_EQ(of_options([&](auto& o) { o.retry.jitter = not_a_number; }),
            sentences{"stage 'stage': retry.jitter must be 0 to 1, not nan"});
}

TEST(Graph, WithTooFewOrTooManyWorkersIsRefused) {
  for (std::uint32_t workers : {0U, 257U})
    EXPECT_EQ(problems([&](graph& g) { g.stages[1].options.workers = workers; }),
              sentences{"stage 'stage': workers must be 1 to 256, not " + std::to_string(workers)});
  EXPECT_EQ(problems([](graph& g) { g.stages[0].options.workers = 2; }),
            sentences{"stage 'source': a source has one worker; merge several sources instead"});
}

TEST(Graph, WithAnOptionForAnotherKindOfStageIsRefused) {
  EXPECT_EQ(
      of_options([](auto& o) { o.in_flight_max = 2; }),
      sentences{"stage 'stage': in_flight_max is for functions, for sinks of single items, and for "
                "those that settle later: this takes one at a time"});
  EXPECT_EQ(of_stage([](auto& one) {
              one.side_by_side = true;
              one.options.in_flight_max = 2;
            }),
            sentences{});
  EXPECT_EQ(
      of_options([](auto& o) { o.timeout = 1s; }),
      sentences{"stage 'stage': timeout is for what is awaitable and for sinks that settle later: "
                "nothing else can be interrupted"});
  EXPECT_EQ(of_stage([](auto& one) {
              one.waits = true;
              one.settles_later = true;
              one.options.timeout = 1s;
              one.options.in_flight_max = 2;
            }),
            sentences{});
  EXPECT_EQ(of_options([](auto& o) { o.in_flight_max = 0; }),
            sentences{"stage 'stage': in_flight_max must be 1 to 1,048,576, not 0 items"});
  EXPECT_EQ(of_options([](auto& o) { o.outputs_max = 0; }),
            sentences{"stage 'stage': outputs_max must be at least 1, not 0 items"});
  EXPECT_EQ(of_stage([](auto& one) {
              one.waits = true;
              one.options.in_flight_max = 11;
              one.options.mailbox_capacity = 10;
            }),
            sentences{"stage 'stage': in_flight_max 11 is larger than mailbox_capacity 10"});
  EXPECT_EQ(problems([](graph& g) {
              g.has_dead_letters = true;
              g.stages[0].options.item_time_max = 1s;
            }),
            sentences{"stage 'source': item_time_max is for stages with a function and for sinks"});
}

TEST(Graph, WithAStageThatMayBeStuckAndNoDeadLettersIsRefused) {
  const auto limited = [](graph& g) { g.stages[1].options.item_time_max = 1s; };
  EXPECT_EQ(problems(limited), sentences{"stage 'stage': its items may be stuck (item_time_max), "
                                         "but the pipeline has no dead_letters_to"});
  EXPECT_EQ(problems([&](graph& g) {
              limited(g);
              g.has_dead_letters = true;
            }),
            sentences{});
}

TEST(Graph, WithAStageThatMayFailAndNoDeadLettersIsRefused) {
  const auto may_fail = [](graph& g) { g.stages[1].may_fail = true; };
  EXPECT_EQ(problems(may_fail),
            sentences{"stage 'stage': it may fail, but the pipeline has no dead_letters_to"});
  EXPECT_EQ(problems([&](graph& g) {
              may_fail(g);
              g.has_dead_letters = true;
            }),
            sentences{});
}

TEST(Graph, ThatGoesRoundInACircleIsRefused) {
  const auto circle =
      sentences{"pipeline 'orders' goes round in a circle: put a store between a sink and a source "
                "instead"};
  EXPECT_EQ(problems([](graph& g) {
              g.stages[1].legs = 2;
              g.edges.push_back({.from = 1, .leg = 1, .to = 1});
            }),
            circle);
  EXPECT_EQ(problems([](graph& g) {
              g.stages.insert(g.stages.begin() + 2, g.stages[1]);
              g.stages[2].name = "other";
              g.stages[2].legs = 2;
              g.edges = {{.from = 0, .to = 1},
                         {.from = 1, .to = 2},
                         {.from = 2, .to = 1},
                         {.from = 2, .leg = 1, .to = 3}};
            }),
            circle);
}

TEST(Graph, NamesEveryProblemAtOnce) {
  EXPECT_EQ(problems([](graph& g) {
              g.name = "No";
              g.stages[1].options.mailbox_capacity = 0;
              g.stages[1].options.workers = 0;
              g.stages[2].may_fail = true;
            }).size(),
            4U);
}

TEST(Graph, KnowsOfThePipelineWhoMayFail) {
  const auto fails = [](auto function) {
    weir::pipeline p{"p"};
    p.from("source", numbers(1)).via("stage", function).to("sink", [](const int&) noexcept {});
    return p.as_graph().stages[1].may_fail;
  };
  EXPECT_TRUE(fails([](int n) { return n; }));
  EXPECT_FALSE(fails([](int n) noexcept { return n; }));
  EXPECT_FALSE(fails([](int n) noexcept { return std::optional{n}; }));
  EXPECT_TRUE(fails([](int n) noexcept -> weir::result<int> { return n; }));
}

/// What a pipeline is built with wrongly is said by validate, like everything else.
class Flow : public testing::Test {
protected:
  static constexpr auto sink = [](const int&) noexcept {};
  weir::flow<int> source(std::string name) { return p.from(std::move(name), numbers(1)); }

  weir::pipeline p{"p"};
};

TEST_F(Flow, IsRefusedWhenItIsUsedTwice) {
  auto flow = source("source");
  std::move(flow).to("a", sink);
  EXPECT_EQ(p.validate(), sentences{});
  std::move(flow).to("b", sink);
  EXPECT_EQ(p.validate(), sentences{"stage 'b': nothing flows into it: its flow was used before; "
                                    "broadcast() makes several of one"});
  std::move(flow).broadcast<2>();
  EXPECT_EQ(p.as_graph().stages.back().name, "broadcast");
}

TEST_F(Flow, IsRefusedWhenItIsUsedAfterItWasMoved) {
  auto flow = source("source");
  std::move(flow).key_by([](const int& n) { return n; }, {.lanes = 2}).to("a", sink);
  std::move(flow).to("b", sink);
  EXPECT_EQ(p.validate(), sentences{"stage 'b': nothing flows into it: its flow was used before; "
                                    "broadcast() makes several of one"});
}

TEST_F(Flow, CanBeGivenANewOne) {
  auto flow = source("source");
  for (const auto* name : {"a", "b", "c"})
    flow = std::move(flow).via(name, [](int n) noexcept { return n; });
  std::move(flow).to("sink", sink);
  EXPECT_EQ(p.validate(), sentences{});
}

TEST_F(Flow, IsRefusedWhenItIsMergedTwice) {
  auto flow = source("source");
  auto other = source("other");
  p.merge(std::move(flow), std::move(other), std::move(flow)).to("sink", sink);
  EXPECT_EQ(p.validate(), sentences{"pipeline 'p': merge takes flows that were not used before, "
                                    "and one was; broadcast() makes several of one"});
}

TEST_F(Flow, IsRefusedWhenItIsMergedIntoAnotherPipeline) {
  weir::pipeline q{"q"};
  auto strange = q.from("strange", numbers(1));
  p.merge(source("source"), std::move(strange)).to("sink", sink);
  EXPECT_EQ(p.validate(), sentences{"pipeline 'p': merge takes flows of this pipeline, and one is "
                                    "of pipeline 'q'"});
  EXPECT_EQ(q.validate().back(), "stage 'strange': its flow leads nowhere: end it with to()");
}

TEST_F(Flow, IsRefusedWhenItsHoldKeyWouldGetLostInAMerge) {
  const auto key = [](const int& n) { return n; };
  p.dead_letters_to(weir::dead_letters::memory{});
  p.merge(source("a"), source("b").hold_key(key)).via("s", [](int n) { return n; }).to("t", sink);
  EXPECT_EQ(p.validate(), sentences{"pipeline 'p': merge takes flows without a hold_key of their "
                                    "own: it goes behind the merge"});
  p = weir::pipeline{"p"};
  p.dead_letters_to(weir::dead_letters::memory{});
  p.merge(source("a"), source("b")).hold_key(key).via("s", [](int n) { return n; }).to("t", sink);
  EXPECT_EQ(p.validate(), sentences{});
}

TEST(Graph, RefusesAPipelineWhoseSupervisionMakesNoSense) {
  for (weir::supervision_options bad : {weir::supervision_options{.period = -1ms},
                                        weir::supervision_options{.period = 1ms * INT64_MAX},
                                        weir::supervision_options{.delays = {.delay_min = -1ms}}}) {
    weir::pipeline p{"p", {.supervision = bad}};
    p.from("source", numbers(1)).to("sink", [](const int&) noexcept {});
    EXPECT_EQ(p.validate().size(), 1U);
  }
}

} // namespace
