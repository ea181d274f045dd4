#include "../threads.hpp"

#include <weir/actors/sleep.hpp>
#include <weir/stages/awaitable.hpp>

#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>

/// Stages with a declared limit on the time for one item.
namespace {

using namespace weir_test;
using weir::context;
using weir::emitter;
using weir::result;
using state = weir::running_pipeline::state;

/// In virtual time: the runs, counted from 0 over all workers, that take long to answer.
weir::virtual_choices slow(std::vector<std::pair<std::size_t, weir::clock::duration>> runs) {
  auto next = std::make_shared<std::size_t>(0);
  return {.helper_delay = [runs = std::move(runs), next]() -> weir::clock::duration {
    const auto mine = (*next)++;
    for (const auto& [run, time] : runs)
      if (run == mine)
        return time;
    return {};
  }};
}

class StuckStage : public testing::Test {
protected:
  static constexpr std::size_t count = 20;

  template <class Stage>
  weir::pipeline with(Stage stage, weir::stage_options options = {.item_time_max = 1s},
                      std::uint32_t intensity = 5) {
    weir::pipeline p{"orders", restarting(intensity)};
    p.from("numbers", numbers(count))
        .via("stage", std::move(stage), options)
        .to("sink", out_.sink());
    p.dead_letters_to(letters_);
    return p;
  }
  std::vector<std::string> dead_lettered() const {
    std::vector<std::string> payloads;
    for (const auto& one : letters_.letters())
      payloads.push_back(one.payload);
    return payloads;
  }

  collected<int> out_;
  weir::dead_letters::memory letters_;
};

constexpr auto same = [](int n) { return n; };

TEST_F(StuckStage, RunsAsAnyOtherWhileNothingIsStuck) {
  for (std::uint32_t places : {1U, 4U}) {
    out_ = {};
    running r{with(same, {.in_flight_max = places, .item_time_max = 60s})};
    r.finishes();
    EXPECT_EQ(out_.items(), up_to(count));
    EXPECT_EQ(r.stage("stage").abandoned, 0U);
  }
}

TEST_F(StuckStage, ParksTheItemAndGoesOnWithAFreshWorker) {
  running r{with(same), slow({{3, 10s}})};
  EXPECT_EQ(out_.items(), up_to(3));
  r.pass(999ms);
  EXPECT_EQ(out_.items(), up_to(3));
  EXPECT_EQ(r.stage("stage").abandoned, 0U);
  r.pass(1s);
  EXPECT_EQ(out_.items(), up_to(count, [](int n) { return n != 3; }));
  ASSERT_EQ(dead_lettered(), std::vector<std::string>{"3"});
  EXPECT_EQ(letters_.letters().front().why.message(), "no progress for 1000 ms");
  EXPECT_EQ(letters_.letters().front().attempts, 1U) << "it is not run again";
  EXPECT_EQ(letters_.letters().front().position, 4U);
  EXPECT_EQ(r.stage("stage").restarts, 1U);
  EXPECT_EQ(r.stage("stage").last_failure, "no progress for 1000 ms");
}

TEST_F(StuckStage, SaysWhichRunsStillGoOnWithoutItAndForgetsThoseThatEnd) {
  running r{with(same), slow({{3, 10s}})};
  const auto before = r.node().runtime().wall_clock();
  r.pass(2s);
  auto now = r->snapshot();
  ASSERT_EQ(now.abandoned.size(), 1U);
  EXPECT_EQ(now.abandoned.front().stage, "stage");
  EXPECT_EQ(now.abandoned.front().since, before + 1s);
  r.pass(10s);
  EXPECT_TRUE(r->snapshot().abandoned.empty());
  EXPECT_EQ(r.stage("stage").abandoned, 1U) << "that it happened is not forgotten";
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(count, [](int n) { return n != 3; })) << "its answer came too late";
  EXPECT_EQ(r.ledger().dead_lettered, 1U);
}

TEST_F(StuckStage, IsReportedAsAFailedWorker) {
  std::vector<std::string> seen;
  weir::virtual_runtime node{{}, slow({{3, 10s}})};
  weir::running_pipeline p{with(same), node, {.worker_failed = [&](const weir::failure& why) {
                             seen.push_back(why.message());
                           }}};
  ASSERT_TRUE(p.start());
  node.run_until_idle();
  node.advance(2s);
  EXPECT_EQ(seen, std::vector<std::string>{"stage 'stage' ← no progress for 1000 ms"});
}

TEST_F(StuckStage, KeepsTheOrderAndTheItemsInHandBesideIt) {
  running r{with(same, {.in_flight_max = 4, .item_time_max = 1s}), slow({{3, 10s}, {5, 900ms}})};
  EXPECT_EQ(out_.items(), up_to(3));
  r.pass(1s);
  EXPECT_EQ(out_.items(), up_to(count, [](int n) { return n != 3; }));
  r.finishes();
  EXPECT_EQ(dead_lettered(), std::vector<std::string>{"3"});
}

TEST_F(StuckStage, ThatIsStuckOnOneItemInTenIsForgiven) {
  running r{with(same, {.item_time_max = 1s}, 1), slow({{3, 1min}, {9, 1min}, {15, 1min}})};
  r.finishes();
  EXPECT_EQ(r.ledger().dead_lettered, 3U);
}

TEST_F(StuckStage, ThatIsStuckOnEverythingIsGivenUp) {
  weir::virtual_choices all{.helper_delay = [] { return weir::clock::duration{24h}; }};
  running r{with(same, {.item_time_max = 1s}, 2), std::move(all)};
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_THAT(r->why().message(), testing::HasSubstr("no progress for 1000 ms"));
  EXPECT_LE(dead_lettered().size(), 3U) << "the source is not emptied";
}

TEST_F(StuckStage, DoesNotCountTheTimeThatAnItemWaitsForItsRetry) {
  std::atomic<int> runs = 0;
  running r{with(
      [&](int n) -> result<int> {
        if (n == 3 && ++runs < 3)
          return weir::transient("not yet");
        return n;
      },
      {.retry = {.delay_min = 1h, .delay_max = 1h}, .item_time_max = 1s})};
  r.pass(2h);
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(count));
  EXPECT_EQ(r.stage("stage").abandoned, 0U);
}

TEST_F(StuckStage, DoesNotCountTheTimeThatItWaitsForCredit) {
  weir::testkit::node node;
  const weir::testkit::source_probe<int> in;
  const auto out = weir::testkit::sink_probe<int>::on_request();
  weir::pipeline p{"orders"};
  p.from("numbers", in)
      .via("stage", same, {.item_time_max = 1s})
      .to("sink", out, {.mailbox_capacity = 1});
  p.dead_letters_to(letters_);
  auto& run = node.run(std::move(p));
  for (const int n : up_to(count))
    in.push(n);
  in.complete();
  node.pass(1h);
  EXPECT_EQ(run.snapshot().stages.at(1).processed, 2U) << "one has credit, one waits for it";
  out.request(count);
  EXPECT_EQ(node.finish(run), weir::running_pipeline::state::finished);
  EXPECT_EQ(out.items(), up_to(count));
  EXPECT_EQ(run.snapshot().stages.at(1).abandoned, 0U);
}

TEST_F(StuckStage, AbortsAfterTheLimitAtTheLatest) {
  running r{with(same), slow({{3, 10s}})};
  r->abort();
  r.settle();
  EXPECT_FALSE(r->workers_have_finished()) << "the item in hand has its time";
  r.pass(1s);
  EXPECT_TRUE(r->workers_have_finished());
  EXPECT_TRUE(dead_lettered().empty()) << "it comes back";
  EXPECT_EQ(r->snapshot().abandoned.size(), 1U);
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_GT(r.ledger().in_flight, 0U);
}

// --- with threads --------------------------------------------------------------------------------------

/// Long enough for every item that isn't stuck to get a core in it, however busy the machine is.
constexpr auto real_time_max = 3s;

/// What a test that leaves threads behind waits for, so that none outlives it.
template <class Running>
bool nothing_abandoned(Running& r) {
  return eventually([&] { return r->snapshot().abandoned.empty(); });
}

TEST_F(StuckStage, LeavesItsThreadBehind) {
  gate stuck;
  running_on_threads r{with(
      [stuck](int n) {
        if (n == 3)
          stuck.pass();
        return n;
      },
      {.item_time_max = real_time_max})};
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(count, [](int n) { return n != 3; }));
  EXPECT_EQ(dead_lettered(), std::vector<std::string>{"3"});
  EXPECT_EQ(r->snapshot().abandoned.size(), 1U);
  stuck.open();
  EXPECT_TRUE(nothing_abandoned(r));
  EXPECT_EQ(out_.size(), count - 1);
}

TEST_F(StuckStage, MayEndAndBeForgottenWhileItsThreadGoesOn) {
  gate stuck;
  gate gone; // passed by the thread that was left behind
  auto item = std::make_shared<std::string>("still here");
  std::weak_ptr<std::string> seen = item;
  std::atomic<bool> intact = false;
  {
    weir::pipeline p{"orders", restarting()};
    p.from("one", counted{1, [item = std::exchange(item, nullptr)](std::size_t) { return *item; }})
        .via("stage",
             [stuck, gone, &intact](const std::string& one, context& where) {
               stuck.pass();
               intact = one == "still here" && where.stage() == "stage"
                        && where.pipeline() == "orders" && !where.progress()
                        && where.stopping().stop_requested();
               gone.pass();
               return 1;
             },
             {.item_time_max = real_time_max})
        .to("sink", out_.sink());
    p.dead_letters_to(letters_);
    running_on_threads r{std::move(p)};
    r.finishes();
    r->abort();
  }
  stuck.open();
  ASSERT_TRUE(gone.wait_for(1));
  EXPECT_TRUE(intact) << "what the thread holds is its own";
  gone.open();
}

TEST_F(StuckStage, CountsProgressAndProtectedWaitsAsLife) {
  gate waiting;
  gate stuck;
  std::atomic<bool> go_on = false;
  weir::pipeline p{"orders", restarting()};
  p.from("numbers", numbers(3))
      .via("stage",
           [&, waiting, stuck](int n, context& where) {
             if (n == 0) {
               const auto protect = where.waiting();
               waiting.pass();
             } else if (n == 1) {
               while (!go_on && where.progress())
                 std::this_thread::yield();
             } else {
               stuck.pass();
             }
             return n;
           },
           {.in_flight_max = 3, .item_time_max = real_time_max})
      .to("sink", out_.sink());
  p.dead_letters_to(letters_);
  running_on_threads r{std::move(p)};
  ASSERT_TRUE(eventually([&] { return !letters_.letters().empty(); }));
  EXPECT_EQ(dead_lettered(), std::vector<std::string>{"2"}) << "the others began before it";
  waiting.open();
  go_on = true;
  r.finishes();
  EXPECT_EQ(out_.items(), (std::vector<int>{0, 1}));
  stuck.open();
  EXPECT_TRUE(nothing_abandoned(r));
}

TEST_F(StuckStage, OfSeveralThreadsHasAFunctionForEach) {
  gate all;
  collected<const void*> functions;
  struct own {
    collected<const void*> seen;
    gate all;
    int operator()(const int& n) const {
      seen.add(this);
      all.pass();
      return n;
    }
  };
  running_on_threads r{with(own{functions, all}, {.in_flight_max = 4, .item_time_max = 60s})};
  ASSERT_TRUE(all.wait_for(4));
  auto seen = functions.items();
  std::ranges::sort(seen);
  EXPECT_EQ(std::unique(seen.begin(), seen.end()) - seen.begin(), 4);
  all.open();
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(count));
}

// --- every shape ---------------------------------------------------------------------------------------

struct item_sum {
  using input = int;
  using output = int;
  std::shared_ptr<std::atomic<int>> lives;
  int sum = 0;

  void on_start(context&) { ++*lives; }
  result<void> on_item(const int& n, emitter<int>& out, context&) {
    sum += n;
    out(sum);
    if (n == 7)
      return weir::poison("never");
    return {};
  }
  void on_drain(emitter<int>& out, context&) { out(-sum); }
  int checkpoint() const { return sum; }
  void restore(int kept) { sum = kept; }
};

TEST_F(StuckStage, WithStateGoesOnFromTheStateItKept) {
  auto lives = std::make_shared<std::atomic<int>>(0);
  running r{with(weir::factory{[lives] { return item_sum{lives}; }}), slow({{3, 10s}})};
  r.finishes();
  std::vector<int> sums;
  int sum = 0;
  for (auto n : up_to(count))
    if (n != 3 && n != 7)
      sums.push_back(sum += n);
  sums.push_back(-sum);
  EXPECT_EQ(out_.items(), sums);
  EXPECT_EQ(dead_lettered(), (std::vector<std::string>{"3", "7"}));
  EXPECT_EQ(*lives, 3) << "the first, one for the stuck item, one to take back what poison left";
}

TEST_F(StuckStage, WithStateKeepsWhatARunHasDoneThatOutlivedItsWorker) {
  auto lives = std::make_shared<std::atomic<int>>(0);
  running r{with(weir::factory{[lives] { return item_sum{lives}; }}, {.item_time_max = 10s}),
            slow({{3, 5s}})};
  EXPECT_EQ(out_.items(), (std::vector{0, 1, 3}));
  r->kill(1);
  r.pass(4s);
  EXPECT_EQ(r.stage("stage").restarts, 1U);
  EXPECT_EQ(out_.items(), (std::vector{0, 1, 3})) << "the run goes on";
  r.finishes();
  std::vector<int> sums;
  int sum = 0;
  for (auto n : up_to(count))
    if (n != 7)
      sums.push_back(sum += n);
  sums.push_back(-sum);
  EXPECT_EQ(out_.items(), sums);
  EXPECT_EQ(dead_lettered(), std::vector<std::string>{"7"});
}

struct forgetful_sum : item_sum {
  std::shared_ptr<int> not_kept;

  int checkpoint() const {
    if (sum >= 10 && (*not_kept)++ == 0)
      throw std::runtime_error{"no memory"};
    return sum;
  }
};

TEST_F(StuckStage, WithAStateThatCantBeKeptIsStartedAnewAndRunsTheItemAgain) {
  auto lives = std::make_shared<std::atomic<int>>(0);
  auto not_kept = std::make_shared<int>(0);
  running r{with(weir::factory{[=] {
    forgetful_sum one;
    one.lives = lives;
    one.not_kept = not_kept;
    return one;
  }})};
  r.finishes();
  std::vector<int> sums;
  int sum = 0;
  for (auto n : up_to(count))
    if (n != 7)
      sums.push_back(sum += n);
  sums.push_back(-sum);
  EXPECT_EQ(out_.items(), sums);
  EXPECT_EQ(dead_lettered(), std::vector<std::string>{"7"}) << "it was no item's fault";
  EXPECT_EQ(r.stage("stage").restarts, 1U);
}

struct parcel {
  std::unique_ptr<int> content;
};
std::string weir_payload(const parcel& one) {
  return one.content ? std::to_string(*one.content) : "nothing left";
}

TEST_F(StuckStage, ThatTakesItsItemAwayKeepsItsPayload) {
  gate stuck;
  weir::pipeline p{"orders", restarting()};
  p.from("parcels",
         counted{count,
                 [](std::size_t n) { return parcel{std::make_unique<int>(static_cast<int>(n))}; }})
      .via("stage",
           [stuck](parcel one) noexcept {
             if (*one.content == 3)
               stuck.pass();
             return *one.content;
           },
           {.item_time_max = real_time_max})
      .to("sink", out_.sink());
  p.dead_letters_to(letters_);
  running_on_threads r{std::move(p)};
  r.finishes();
  EXPECT_EQ(dead_lettered(), std::vector<std::string>{"3"});
  EXPECT_EQ(out_.items(), up_to(count, [](int n) { return n != 3; }));
  stuck.open();
  EXPECT_TRUE(nothing_abandoned(r));
}

TEST_F(StuckStage, MayBeASink) {
  weir::pipeline p{"orders", restarting()};
  p.from("numbers", numbers(count))
      .to("sink",
          [this](const int& n) -> result<void> {
            out_.add(n);
            return {};
          },
          {.item_time_max = 1s});
  p.dead_letters_to(letters_);
  running r{std::move(p), slow({{3, 10s}})};
  r.finishes();
  EXPECT_EQ(dead_lettered(), std::vector<std::string>{"3"});
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{
                            .admitted = count, .acknowledged = count - 1, .dead_lettered = 1}));
}

struct rows {
  using input = weir::batch<int>;
  collected<std::uint64_t> positions;

  result<weir::batch_outcome> on_batch(const input& batch, context& where) {
    positions.add(where.points().front().position);
    weir::batch_outcome outcome;
    for (std::size_t k = 0; k < batch.items.size(); ++k)
      if (batch.items[k] == 7)
        outcome.rejected.push_back({k, weir::poison("a bad row")});
    return outcome;
  }
};

TEST_F(StuckStage, MayBeASinkOfBatches) {
  collected<std::uint64_t> positions;
  weir::pipeline p{"orders", restarting()};
  p.from("numbers", numbers(count))
      .batch("batch", {.size_max = 5, .delay_max = 1s})
      .to("sink", rows{positions}, {.item_time_max = 1s});
  p.dead_letters_to(letters_);
  running r{std::move(p), slow({{2, 10s}})};
  r.finishes();
  EXPECT_EQ(dead_lettered(), (std::vector<std::string>{"7", "10\n11\n12\n13\n14\n"}))
      << "a row alone, a stuck batch as a whole";
  EXPECT_EQ(positions.items().front(), 5U);
  EXPECT_EQ(positions.items()[1], 10U);
  EXPECT_EQ(r.ledger(),
            (weir::ledger_totals{.admitted = count, .acknowledged = 14, .dead_lettered = 6}));
}

boost::asio::awaitable<result<int>> deaf(int n) {
  if (n == 3) {
    co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    co_await weir::sleep_for(1h);
  }
  co_return n;
}

TEST_F(StuckStage, ThatIsAwaitableAndDeafToItsCancellationIsLeftToItself) {
  running r{
      with(deaf, {.retry = at_once(), .in_flight_max = 2, .timeout = 2s, .item_time_max = 1s})};
  EXPECT_EQ(out_.items(), up_to(3));
  r.pass(2900ms);
  EXPECT_TRUE(dead_lettered().empty()) << "until the time-out it may wait";
  r.pass(200ms);
  ASSERT_EQ(dead_lettered(), std::vector<std::string>{"3"});
  EXPECT_EQ(letters_.letters().front().why.message(), "no progress for 1000 ms");
  EXPECT_EQ(r->snapshot().abandoned.size(), 1U);
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(count, [](int n) { return n != 3; }));
  r.pass(1h);
  EXPECT_TRUE(r->snapshot().abandoned.empty());
}

} // namespace
