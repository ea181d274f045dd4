#include "../threads.hpp"

#include <map>
#include <string>

#include <gmock/gmock.h>

namespace {

using namespace weir_test;
using state = weir::running_pipeline::state;
using weir::context;
using weir::emitter;

/// How often each stage was started, by name.
struct starts {
  mutable std::mutex lock;
  std::map<std::string, int> count;

  void add(context& where) {
    const std::lock_guard guard{lock};
    ++count[where.stage()];
  }
  int of(const std::string& stage) const {
    const std::lock_guard guard{lock};
    const auto place = count.find(stage);
    return place == count.end() ? 0 : place->second;
  }
  std::string text() const {
    const std::lock_guard guard{lock};
    std::string all;
    for (const auto& [stage, times] : count)
      all += stage + ":" + std::to_string(times) + " ";
    return all;
  }
};

struct watched_source : source_probe<int> {
  std::shared_ptr<starts> seen;
  void on_start(context& where) { seen->add(where); }
};

/// Passes items on; throws at some items, at each of them once in all its lives.
struct watched {
  using input = int;
  using output = int;
  std::shared_ptr<starts> seen;
  std::function<bool(int)> throws_at = [](int) { return false; };
  std::shared_ptr<std::map<int, int>> runs = std::make_shared<std::map<int, int>>();

  void on_start(context& where) { seen->add(where); }
  void on_item(const int& n, emitter<int>& out, context&) {
    out(n);
    if (throws_at(n) && ++(*runs)[n] == 1)
      throw n;
  }
};
struct watched_sink {
  using input = int;
  std::shared_ptr<starts> seen;
  collected<int> out;
  void on_start(context& where) { seen->add(where); }
  void on_item(const int& n, context&) { out.add(n); }
};

struct expectation {
  const char* name;
  weir::strategy strategy;
  const char* starts; ///< of all stages after one failure of b
};

class RestartStrategy : public testing::TestWithParam<expectation> {
protected:
  std::shared_ptr<starts> seen_ = std::make_shared<starts>();
  collected<int> out_;
  weir::dead_letters::memory letters_;
};

INSTANTIATE_TEST_SUITE_P(
    Kind, RestartStrategy,
    testing::Values(expectation{"OneForOne", weir::one_for_one, "a:1 b:2 c:1 sink:1 source:1 "},
                    expectation{"OneForAll", weir::one_for_all, "a:2 b:2 c:2 sink:2 source:2 "},
                    expectation{"RestForOne", weir::rest_for_one, "a:1 b:2 c:2 sink:2 source:1 "}),
    [](const auto& each) { return std::string{each.param.name}; });

TEST_P(RestartStrategy, RestartsItsStagesAndLosesNothing) {
  source_probe<int> hand;
  weir::pipeline p{"strategy", restarting(5, GetParam().strategy)};
  p.from("source", watched_source{hand, seen_})
      .via("a", watched{seen_}, {.mailbox_capacity = 7})
      .via("b", watched{seen_, [](int n) { return n == 500; }}, {.mailbox_capacity = 7})
      .via("c", watched{seen_}, {.mailbox_capacity = 7})
      .to("sink", watched_sink{seen_, out_}, {.mailbox_capacity = 7});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  for (const int n : up_to(1000))
    hand.push(n);
  r.settle();
  EXPECT_EQ(seen_->text(), GetParam().starts);
  EXPECT_EQ(out_.size(), 1000U);
  hand.complete();
  r.finishes();
  EXPECT_EQ(seen_->text(), GetParam().starts);
  EXPECT_EQ(out_.items(), up_to(1000));
  EXPECT_EQ(r.ledger().acknowledged, 1000U);
  EXPECT_TRUE(letters_.letters().empty());
}

TEST_P(RestartStrategy, LosesAndDoublesNothingOverManyRestarts) {
  // While the source is running, with an item that fails in every stage, and a batch half full.
  collected<int> out;
  weir::pipeline p{"strategy", restarting(5, GetParam().strategy)};
  const auto fails_at = [&](int remainder) {
    return watched{seen_, [remainder](int n) { return n % 100 == remainder; }};
  };
  p.from("source", numbers(2000), {.retry = at_once()})
      .via("a", fails_at(10), {.mailbox_capacity = 5, .retry = at_once()})
      .batch("batch", {.size_max = 3, .delay_max = 1h, .mailbox_capacity = 5})
      .via("apart", [](const weir::batch<int>& all) { return all.items; })
      .via("b", fails_at(50), {.mailbox_capacity = 5, .retry = at_once()})
      .to("sink", watched_sink{seen_, out}, {.mailbox_capacity = 5});
  p.dead_letters_to(letters_);
  running_on_threads r{std::move(p)};
  r.finishes();
  EXPECT_EQ(out.items(), up_to(2000));
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{.admitted = 2000, .acknowledged = 2000}));
}

TEST_P(RestartStrategy, StillGivesUpOnAStageThatAlwaysFails) {
  weir::pipeline p{"strategy", restarting(5, GetParam().strategy)};
  p.from("source", numbers(2000))
      .via("a", watched{seen_})
      .via("b", [](int) -> int { throw std::runtime_error{"always"}; }, {.retry = at_once()})
      .to("sink", watched_sink{seen_, out_});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(out_.size(), 0U);
  EXPECT_LE(letters_.letters().size(), 5U);
  EXPECT_THAT(r->why().message(), testing::EndsWith("stage 'b' ← always"));
}

TEST_P(RestartStrategy, RestartsTheWorkersOfOneStageByTheSameRules) {
  weir::pipeline p{"strategy", restarting(1000, GetParam().strategy)};
  p.from("source", numbers(2000))
      .via("a", [](int n) noexcept { return n; }, {.workers = 2, .mailbox_capacity = 8})
      .via("b", watched{seen_, [](int n) { return n % 200 == 77; }},
           {.workers = 1, .mailbox_capacity = 8})
      .via("c", [](int n) noexcept { return n; }, {.workers = 3, .mailbox_capacity = 8})
      .to("sink", watched_sink{seen_, out_}, {.mailbox_capacity = 8});
  p.dead_letters_to(letters_);
  running_on_threads r{std::move(p)};
  r.finishes();
  auto got = out_.items();
  std::ranges::sort(got);
  EXPECT_EQ(got, up_to(2000));
}

TEST_P(RestartStrategy, DoesNotRestartWhatHasDoneAllItsWork) {
  // The source ends at once; the stage behind it fails later.
  gate held;
  weir::pipeline p{"strategy", restarting(5, GetParam().strategy)};
  p.from("source", numbers(10))
      .via("b",
           watched{seen_,
                   [held](int n) {
                     if (n == 0)
                       held.pass();
                     return n == 0;
                   }},
           {.execution = weir::execution::own_thread})
      .to("sink", watched_sink{seen_, out_});
  p.dead_letters_to(letters_);
  running_on_threads r{std::move(p)};
  EXPECT_TRUE(held.wait_for(1));
  EXPECT_TRUE(eventually([&] { return r.ledger().admitted == 10; }));
  held.open();
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(10));
}

} // namespace
