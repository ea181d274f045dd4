#include "../running.hpp"

#include <weir/stages/awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// What Pekko's streams pin down about throttles, groups, buffers, hubs and restarts.
namespace {

using namespace weir_test;
using state = weir::running_pipeline::state;

constexpr std::size_t endless = SIZE_MAX;
int same(int n) noexcept { return n; }

class Pekko : public testing::Test {
protected:
  collected<int> out_;
  weir::dead_letters::memory letters_;
};

// --- throttle ----------------------------------------------------------------------------------------

/// When each of many things happened, in virtual time.
class timeline {
public:
  void note() const { times_.add(weir::clock::now()); }
  /// Never more than burst + w · rate within any window of length w.
  void expect_within(std::size_t permits, std::chrono::milliseconds per, std::size_t burst) const {
    auto times = times_.items();
    std::ranges::sort(times);
    for (std::size_t first = 0; first < times.size(); ++first)
      for (std::size_t last = first; last < times.size(); ++last) {
        const auto width = std::chrono::duration<double>(times[last] - times[first]).count();
        const auto most =
            static_cast<double>(burst) + 1e-6
            + width * static_cast<double>(permits) / std::chrono::duration<double>(per).count();
        ASSERT_LE(static_cast<double>(last - first + 1), most)
            << "from the " << first << ". to the " << last << ".";
      }
  }

private:
  collected<weir::time_point> times_;
};

// PK-T1
TEST_F(Pekko, ThrottleHoldsInEveryWindowOverAllWorkersAndWhatRunsAgain) {
  const weir::rate_limit limit{.permits = 400, .per = 1s, .burst = 4};
  for (const std::uint32_t workers : {1U, 3U}) {
    timeline runs;
    collected<int> out;
    weir::pipeline p{"throttled"};
    p.from("numbers", numbers(60))
        .via("limit",
             [runs, again = std::make_shared<int>(0)](int n) -> weir::result<int> {
               runs.note();
               if (n % 10 == 3 && ++*again % 2 == 1)
                 return weir::transient("once more");
               return n;
             },
             {.workers = workers, .retry = at_once(5), .rate = limit})
        .to("sink", out.sink());
    p.dead_letters_to(letters_);
    node here;
    auto& throttled = here.run(std::move(p));
    EXPECT_EQ(here.finish(throttled), state::finished);
    const auto done = throttled.snapshot();
    EXPECT_GE(done.stages[1].processed + done.stages[1].failed, 60U);
    EXPECT_EQ(out.size(), 60U);
    runs.expect_within(limit.permits, limit.per, limit.burst);
  }
}

// PK-T1
TEST_F(Pekko, ThrottleHoldsForAwaitableStagesAndForSources) {
  const weir::rate_limit limit{.permits = 400, .per = 1s, .burst = 4};
  timeline awaited;
  timeline read;
  weir::pipeline p{"throttled"};
  p.from("numbers",
         counted{60,
                 [read](std::size_t n) {
                   read.note();
                   return static_cast<int>(n);
                 }},
         {.rate = limit})
      .via("limit",
           [awaited](const int& n) -> boost::asio::awaitable<int> {
             awaited.note();
             co_return n;
           },
           {.in_flight_max = 8, .rate = limit})
      .to("sink", out_.sink());
  p.dead_letters_to(letters_);
  node here;
  EXPECT_EQ(here.finish(here.run(std::move(p))), state::finished);
  EXPECT_EQ(out_.items(), up_to(60));
  awaited.expect_within(limit.permits, limit.per, limit.burst);
  read.expect_within(limit.permits, limit.per, limit.burst);
}

constexpr weir::rate_limit one_an_hour{.permits = 1, .per = 1h};

// PK-T1: nothing comes where nothing is, and the end needs no permit.
TEST_F(Pekko, ThrottleLetsTheEndOfTheStreamThroughWithoutAPermit) {
  weir::pipeline p{"throttled"};
  p.from("numbers", numbers(0))
      .via("limit", same, {.rate = one_an_hour})
      .via("filter", [](int n) { return std::optional{n}; }, {.rate = one_an_hour})
      .via("waits", [](const int& n) -> boost::asio::awaitable<int> { co_return n; },
           {.rate = one_an_hour})
      .to("sink", out_.sink(), {.rate = one_an_hour});
  p.dead_letters_to(letters_);
  run(std::move(p));
}

// PK-T1: cancelled while it waits.
TEST_F(Pekko, ThrottleHoldsUpNeitherTheDrainOfItsSourceNorAnAbort) {
  {
    weir::pipeline p{"throttled"};
    p.from("numbers", numbers(endless), {.rate = one_an_hour}).to("sink", out_.sink());
    running r{std::move(p)};
    EXPECT_EQ(r->view().stages[0].workers[0].does, weir::waiting_as::permit);
    r->drain();
    EXPECT_EQ(r->wait_until(weir::clock::now() + 1ms), state::finished);
    r.finishes();
  }
  weir::pipeline p{"throttled"};
  p.from("numbers", numbers(endless))
      .via("limit", same, {.mailbox_capacity = 4, .rate = one_an_hour})
      .to("sink", out_.sink());
  running r{std::move(p)};
  EXPECT_EQ(r.stage("limit").backlog, 4U);
  r->drain();
  EXPECT_EQ(r->wait_until(weir::clock::now() + 59min), std::nullopt);
  r->abort();
  EXPECT_EQ(r->wait_until(weir::clock::now() + 1ms), state::failed);
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(r.ledger().in_flight, 4U);
}

// PK-T1: a permit is for an item; timers and the end of a stage need none.
TEST_F(Pekko, ThrottleHoldsUpNoTimer) {
  struct ticking {
    using input = int;
    using output = int;
    int ticks = 0;
    void on_start(weir::context& where) { where.wake_at(where.now()); }
    void on_item(const int& n, weir::emitter<int>& out, weir::context&) { out(n); }
    void on_timer(weir::emitter<int>& out, weir::context& where) {
      if (ticks < 3)
        out(--ticks);
      where.wake_at(where.now() + 1ms);
    }
  };
  const source_probe<int> hand;
  weir::pipeline p{"throttled"};
  p.from("hand", hand).via("limit", ticking{}, {.rate = one_an_hour}).to("sink", out_.sink());
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.pass(2ms);
  EXPECT_GE(out_.size(), 3U);
  hand.complete();
  EXPECT_EQ(r->wait_until(weir::clock::now() + 1ms), state::finished);
  r.finishes();
}

// PK-T1
TEST_F(Pekko, ThrottleOfOnePipelineIsNotThatOfAnother) {
  const auto limited = [&](weir::rate_limit limit, const collected<int>& out) {
    weir::pipeline p{"throttled"};
    p.from("numbers", numbers(50)).via("limit", same, {.rate = limit}).to("sink", out.sink());
    return p;
  };
  collected<int> none;
  node here;
  auto& slow = here.run(limited(one_an_hour, none));
  auto& quick = here.run(limited({.permits = 5000, .per = 1s}, out_));
  EXPECT_EQ(here.finish(quick), state::finished);
  EXPECT_EQ(out_.items(), up_to(50));
  EXPECT_EQ(none.size(), 0U);
  slow.abort();
  EXPECT_EQ(here.finish(slow), state::failed);
}

// --- groupedWithin -------------------------------------------------------------------------------------

// PK-G1: the window begins anew with the first item behind a full group.
TEST_F(Pekko, GroupedWithinBeginsItsWindowAnewAfterAFullGroup) {
  constexpr auto delay = 60ms;
  const source_probe<int> hand;
  collected<std::vector<int>> groups;
  weir::pipeline p{"groups"};
  p.from("hand", hand)
      .batch("group", {.size_max = 3, .delay_max = delay})
      .to("sink", [groups](const weir::batch<int>& all) noexcept { groups.add(all.items); });
  p.dead_letters_to(letters_);
  node here;
  auto& running = here.run(std::move(p));
  hand.push(1, 2);
  here.pass(delay - 20ms);
  EXPECT_EQ(groups.size(), 0U);
  hand.push(3);
  here.settle();
  EXPECT_EQ(groups.items(), (std::vector<std::vector<int>>{{1, 2, 3}}));
  here.pass(10ms); // the first window would end 10 ms later
  hand.push(4);
  here.pass(delay - 1ms);
  EXPECT_EQ(groups.size(), 1U);
  here.pass(1ms);
  EXPECT_EQ(groups.items(), (std::vector<std::vector<int>>{{1, 2, 3}, {4}}));
  here.pass(delay);
  hand.complete();
  EXPECT_EQ(here.finish(running), state::finished);
  EXPECT_EQ(groups.size(), 2U) << "no empty group, neither of a window nor at the end";
}

// PK-G1: while nobody takes a group the next ones wait, none is lost, torn or empty.
TEST_F(Pekko, GroupedWithinHoldsItsGroupsUntilTheyAreAskedFor) {
  const auto groups = sink_probe<weir::batch<int>>::on_request();
  weir::pipeline p{"groups"};
  p.from("numbers", numbers(100))
      .batch("group", {.size_max = 8, .delay_max = 1ms, .mailbox_capacity = 8})
      .to("sink", groups, {.mailbox_capacity = 1});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.pass(1h);
  EXPECT_EQ(r.stage("group").backlog, 8U);
  EXPECT_LE(r.ledger().admitted, 8U * 5) << "two groups on their way, one gathered, one mailbox";
  groups.request(100);
  r.finishes();
  std::vector<int> all;
  for (const auto& one : groups.items()) {
    EXPECT_GE(one.items.size(), 1U);
    EXPECT_LE(one.items.size(), 8U);
    all.insert(all.end(), one.items.begin(), one.items.end());
  }
  EXPECT_EQ(all, up_to(100));
}

// --- buffers -------------------------------------------------------------------------------------------

// PK-F1: a buffer is a mailbox; it fills while nobody takes, and then its source waits.
TEST_F(Pekko, BufferTakesWhatItHoldsWhileDownstreamIsSilent) {
  for (const std::uint32_t capacity : {1U, 2U, 100U}) {
    const auto out = sink_probe<int>::on_request();
    weir::pipeline p{"buffer"};
    p.from("numbers", numbers(1000)).to("sink", out, {.mailbox_capacity = capacity});
    p.dead_letters_to(letters_);
    running r{std::move(p)};
    EXPECT_EQ(r.stage("sink").backlog, capacity);
    EXPECT_EQ(r.ledger().admitted, capacity);
    out.request(1000);
    r.finishes();
    out.expect(up_to(1000));
  }
}

// PK-F1: six buffers in a row hold what they hold together.
TEST_F(Pekko, BufferChainOfSixHoldsTheSumOfItsParts) {
  const auto out = sink_probe<int>::on_request();
  weir::pipeline p{"buffers"};
  auto flow = p.from("numbers", numbers(1000)).via("b1", same, {.mailbox_capacity = 3});
  for (const auto* name : {"b2", "b3", "b4", "b5"})
    flow = std::move(flow).via(name, same, {.mailbox_capacity = 3});
  std::move(flow).to("sink", out, {.mailbox_capacity = 3});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  EXPECT_GE(r.stage("b1").backlog, 2U);
  EXPECT_LE(r.ledger().admitted, 18U);
  out.request(1000);
  r.finishes();
  out.expect(up_to(1000));
}

// --- hubs ----------------------------------------------------------------------------------------------

// PK-H1: long streams, a mailbox of one for each; who feeds slowly gets its turn.
TEST_F(Pekko, MergeHubTakesFromFastAndSlowProducersAlike) {
  const source_probe<int> slow;
  weir::pipeline p{"hub"};
  p.merge(p.from("fast", counted{endless, [](std::size_t) { return 0; }}), p.from("slow", slow),
          p.from("another", counted{endless, [](std::size_t) { return 0; }}))
      .to("sink",
          [out = out_](const int& n) noexcept {
            if (n != 0)
              out.add(n);
          },
          {.mailbox_capacity = 3});
  p.dead_letters_to(letters_);
  node here;
  auto& r = here.run(std::move(p));
  for (std::size_t n = 1; n <= 50; ++n) {
    slow.push(static_cast<int>(n));
    for (int turns = 0; out_.size() < n; ++turns) {
      ASSERT_LT(turns, 100) << "item " << n;
      ASSERT_TRUE(here.runtime().step());
    }
  }
  EXPECT_EQ(here.drain(r), state::finished);
  EXPECT_TRUE(r.snapshot().ledger.balanced()) << to_string(r.snapshot());
  EXPECT_EQ(out_.size(), 50U);
}

// PK-H1: drained, it ends when all who fill it have ended, with all they had handed over.
TEST_F(Pekko, MergeHubIsDrainedWithAllItsProducers) {
  const auto out = sink_probe<int>::on_request();
  weir::pipeline p{"hub"};
  const auto named = [](int which) {
    return counted{endless, [which](std::size_t n) { return 2 * static_cast<int>(n) + which; }};
  };
  p.merge(p.from("even", named(0)), p.from("odd", named(1)), p.from("silent", source_probe<int>{}))
      .to("sink", out, {.mailbox_capacity = 12});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  EXPECT_EQ(r.stage("sink").backlog, 8U);
  r->drain();
  EXPECT_EQ(r->wait_until(weir::clock::now() + 1h), std::nullopt);
  out.request(1000);
  r.finishes();
  EXPECT_EQ(r.ledger().acknowledged, r.ledger().admitted);
  std::vector<int> even;
  std::vector<int> odd;
  for (auto n : out.take())
    (n % 2 == 0 ? even : odd).push_back(n / 2);
  EXPECT_EQ(even, up_to(even.size()));
  EXPECT_EQ(odd, up_to(odd.size()));
  EXPECT_EQ(even.size() + odd.size(), r.ledger().admitted);
}

// PK-H1: drained before anybody handed anything over.
TEST_F(Pekko, MergeHubOfSilentProducersIsDrainedAtOnce) {
  weir::pipeline p{"hub"};
  p.merge(p.from("one", source_probe<int>{}), p.from("two", source_probe<int>{}))
      .batch("batch", {.size_max = 10, .delay_max = 1h})
      .to("sink", [](const weir::batch<int>&) noexcept {});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r->drain();
  EXPECT_EQ(r->wait_until(weir::clock::now() + 1ms), state::finished);
  r.finishes();
}

// PK-H3: with several workers an item goes to who has room; who stands still holds up nobody.
TEST_F(Pekko, PartitionHubPassesByAWorkerThatStandsStill) {
  bool open = false;
  weir::pipeline p{"hub"};
  p.from("numbers", numbers(1000))
      .to("sink",
          [&open, out = out_](const int& n, weir::context& where) -> weir::result<void> {
            if (!open && where.worker_index() == 0)
              return weir::transient("later", 1h);
            out.add(n);
            return {};
          },
          {.workers = 3, .mailbox_capacity = 4});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  EXPECT_EQ(out_.size(), 1000U - 4) << "all but what waits for the one";
  open = true;
  r.finishes();
  auto got = out_.items();
  std::ranges::sort(got);
  EXPECT_EQ(got, up_to(1000));
}

// PK-H3: by key the slower controls: nothing passes by, and nothing piles up.
TEST_F(Pekko, PartitionHubByKeyWaitsForItsSlowestLaneAndHoldsNoMoreThanTheMailboxes) {
  bool open = false;
  weir::pipeline p{"hub"};
  p.from("numbers", numbers(100'000))
      .key_by([](const int& n) { return n % 2; }, {.lanes = 2})
      .to("sink",
          [&open, out = out_](const int& n) -> weir::result<void> {
            if (!open && n % 2 == 0)
              return weir::transient("later", 1h);
            out.add(n);
            return {};
          },
          {.mailbox_capacity = 4});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.pass(59min);
  EXPECT_EQ(r.stage("sink").backlog, 4U);
  EXPECT_GE(out_.size(), 3U);
  EXPECT_LE(r.ledger().admitted, 4U * 4) << "what the mailboxes hold, and as much on its way";
  open = true;
  r.finishes();
  EXPECT_EQ(out_.size(), 100'000U);
}

// --- restarts ------------------------------------------------------------------------------------------

/// A source that throws in its first poll of each life, until it is told not to.
struct throwing {
  using output = int;
  std::shared_ptr<int> polls;
  weir::source_state poll(weir::intake<int>&, weir::context&) {
    ++*polls;
    throw std::runtime_error{"can't read"};
  }
};

// PK-R1, BW-24: told to end while it backs off, it is not started once more.
TEST_F(Pekko, RestartSourceThatBacksOffIsDrainedWithoutBeingStartedAgain) {
  const auto polls = std::make_shared<int>(0);
  weir::pipeline p{"restarts", {.supervision = {.delays = {.delay_min = 1h, .delay_max = 1h}}}};
  p.from("source", throwing{polls}).to("sink", out_.sink());
  running r{std::move(p)};
  EXPECT_EQ(r.stage("source").failed, 1U);
  r->drain();
  r.finishes();
  EXPECT_EQ(*polls, 1);
}

// PK-R1: and aborted.
TEST_F(Pekko, RestartSourceThatBacksOffIsAborted) {
  const auto polls = std::make_shared<int>(0);
  weir::pipeline p{"restarts", {.supervision = {.delays = {.delay_min = 1h, .delay_max = 1h}}}};
  p.from("source", throwing{polls}).to("sink", out_.sink());
  running r{std::move(p)};
  EXPECT_EQ(r.stage("source").failed, 1U);
  r->abort();
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(*polls, 1);
}

// PK-R3: a stage that is restarted loses no item, whatever it had in hand; out and in stay connected.
TEST_F(Pekko, RestartFlowKeepsBothItsPortsAndEveryItem) {
  for (const std::uint32_t capacity : {1U, 2U, 64U}) {
    collected<int> out;
    const auto runs = std::make_shared<int>(0);
    weir::pipeline p{"restarts", restarting()};
    p.from("numbers", numbers(300))
        .via("flow",
             [runs](int n) {
               if (++*runs % 3 == 0)
                 throw std::runtime_error{"every third run"};
               return n;
             },
             {.mailbox_capacity = capacity, .retry = at_once(10)})
        .to("sink", out.sink(), {.mailbox_capacity = capacity});
    p.dead_letters_to(letters_);
    const auto done = run(std::move(p));
    EXPECT_EQ(out.items(), up_to(300));
    EXPECT_GE(done.stages[1].restarts, 100U);
    EXPECT_EQ(done.ledger.acknowledged, 300U);
  }
}

} // namespace
