#include "../running.hpp"

#include <string>

namespace {

using namespace weir_test;

/// Small, and with one of each kind of edge.
weir::pipeline drawn() {
  weir::pipeline p{"orders"};
  auto [big, small] =
      p.from("ingest", numbers(1))
          .key_by([](const int& n) { return n; }, {.lanes = 2})
          .via("parse", [](int n) -> weir::result<int> { return n; },
               {.mailbox_capacity = 64,
                .retry = {.attempts = weir::unlimited, .delay_min = 5ms, .delay_max = 1s},
                .rate = {.permits = 10, .burst = 3}})
          .merge()
          .route([](const int& n) noexcept { return n > 9; }, "size");
  std::move(big)
      .batch("batch", {.size_max = 10, .delay_max = 50ms, .mailbox_capacity = 20},
             [](const int& n) noexcept { return n == 99; })
      .to("store", [](const weir::batch<int>&) noexcept {},
          {.mailbox_capacity = 4, .execution = weir::execution::own_thread});
  std::move(small).to("drop", [](const int&) noexcept {});
  p.dead_letters_to(weir::dead_letters::memory{});
  return p;
}

TEST(GraphDrawing, IsDescribedAsJson) {
  const auto p = drawn();
  EXPECT_EQ(p.validate(), std::vector<std::string>{});
  EXPECT_EQ(p.describe(), R"({
  "pipeline": "orders",
  "dead_letters": true,
  "stages": [
    {
      "stage": "ingest",
      "kind": "source",
      "output": "int",
      "may_fail": false,
      "options": {
        "workers": 1,
        "execution": "shared"
      }
    },
    {
      "stage": "parse",
      "kind": "transform",
      "input": "int",
      "output": "int",
      "may_fail": true,
      "options": {
        "workers": 2,
        "mailbox_capacity": 64,
        "retry": {
          "immediate": 1,
          "delay_min_ms": 5,
          "delay_max_ms": 1000,
          "attempts": "unlimited"
        },
        "rate": {
          "permits": 10,
          "per_ms": 1000,
          "burst": 3
        },
        "execution": "shared"
      }
    },
    {
      "stage": "size",
      "kind": "route",
      "input": "int",
      "output": "int",
      "may_fail": false,
      "options": {
        "workers": 1,
        "mailbox_capacity": 1024,
        "execution": "shared"
      }
    },
    {
      "stage": "batch",
      "kind": "batch",
      "input": "int",
      "output": "weir::batch<int>",
      "may_fail": false,
      "options": {
        "workers": 1,
        "mailbox_capacity": 20,
        "size_max": 10,
        "delay_max_ms": 50,
        "closed_by_item": true,
        "execution": "shared"
      }
    },
    {
      "stage": "store",
      "kind": "sink",
      "input": "weir::batch<int>",
      "may_fail": false,
      "options": {
        "workers": 1,
        "mailbox_capacity": 4,
        "execution": "own_thread"
      }
    },
    {
      "stage": "drop",
      "kind": "sink",
      "input": "int",
      "may_fail": false,
      "options": {
        "workers": 1,
        "mailbox_capacity": 1024,
        "execution": "shared"
      }
    }
  ],
  "edges": [
    {
      "from": "ingest",
      "leg": 0,
      "to": "parse",
      "spread": "by_key"
    },
    {
      "from": "parse",
      "leg": 0,
      "to": "size",
      "spread": "any"
    },
    {
      "from": "size",
      "leg": 0,
      "to": "batch",
      "spread": "any"
    },
    {
      "from": "batch",
      "leg": 0,
      "to": "store",
      "spread": "any"
    },
    {
      "from": "size",
      "leg": 1,
      "to": "drop",
      "spread": "any"
    }
  ]
})");
}

TEST(GraphDrawing, IsDrawnForGraphviz) {
  EXPECT_EQ(drawn().draw(), R"(digraph "orders" {
  rankdir=LR;
  node [shape=box];
  "ingest" [label="ingest", shape=cds];
  "parse" [label="parse ×2", shape=box];
  "size" [label="size", shape=box];
  "batch" [label="batch", shape=box3d];
  "store" [label="store", shape=cds];
  "drop" [label="drop", shape=cds];
  "ingest" -> "parse" [label="64", style=bold];
  "parse" -> "size" [label="1024"];
  "size" -> "batch" [label="20"];
  "batch" -> "store" [label="4"];
  "size" -> "drop" [label="1024"];
}
)");
}

TEST(GraphDrawing, NamesTypesAsTheirReaderWould) {
  weir::pipeline p{"names"};
  p.from("source", counted{1, [](std::size_t) { return std::string{}; }})
      .batch("batch")
      .to("sink", [](const weir::batch<std::string>&) noexcept {});
  EXPECT_EQ(p.as_graph().stages[0].output, "std::string");
  EXPECT_EQ(p.as_graph().stages[1].output, "weir::batch<std::string>");
}

TEST(GraphDrawing, NamesBranchesAfterTheirStage) {
  weir::pipeline p{"names"};
  auto [a, b] = p.from("source", numbers(1)).broadcast<2>();
  auto [c, d] =
      std::move(a).via("stage", [](int n) noexcept { return n; }).route([](const int&) noexcept {
        return true;
      });
  p.merge(std::move(b), std::move(c), std::move(d)).to("sink", [](const int&) noexcept {});
  std::vector<std::string> names;
  for (const auto& one : p.as_graph().stages)
    names.push_back(one.name);
  EXPECT_EQ(names, (std::vector<std::string>{"source", "source.broadcast", "stage", "stage.route",
                                             "sink"}));
  EXPECT_EQ(p.validate(), std::vector<std::string>{});
}

} // namespace
