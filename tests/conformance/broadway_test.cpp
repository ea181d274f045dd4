#include "../counting_waker.hpp"
#include "../running.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// What Broadway and GenStage pin down.
namespace {

using namespace weir_test;
using weir::batch;
using state = weir::running_pipeline::state;

constexpr std::size_t endless = SIZE_MAX;

std::vector<int> joined(const std::vector<std::vector<int>>& batches) {
  std::vector<int> all;
  for (const auto& one : batches)
    all.insert(all.end(), one.begin(), one.end());
  return all;
}

class Broadway : public testing::Test {
protected:
  auto into(const collected<std::vector<int>>& batches) {
    return [batches](const batch<int>& all) noexcept { batches.add(all.items); };
  }

  collected<std::vector<int>> batches_;
  weir::dead_letters::memory letters_;
};

// BW-05, BW-18: failed by its stage or by what that throws, an item ends as a letter, not in a batch.
TEST_F(Broadway, WhatFailsInAStageIsNotHandedToTheBatcher) {
  weir::pipeline p{"broadway", restarting()};
  p.from("numbers", numbers(30))
      .via("stage",
           [](int n) -> weir::result<int> {
             if (n % 10 == 3)
               return weir::poison("a three");
             if (n % 10 == 7)
               throw std::runtime_error{"a seven"};
             return n;
           },
           {.retry = at_once(1)})
      .batch("batch", {.size_max = 6, .delay_max = 1h})
      .to("sink", into(batches_));
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  EXPECT_EQ(joined(batches_.items()), up_to(30, [](int n) { return n % 10 != 3 && n % 10 != 7; }));
  for (const auto& one : batches_.items())
    EXPECT_EQ(one.size(), 6U) << "batches are made of what came through";
  std::map<std::string, std::string> causes;
  for (const auto& one : letters_.letters())
    causes[one.payload] = one.why.message();
  EXPECT_EQ(causes, (std::map<std::string, std::string>{{"3", "a three"},
                                                        {"13", "a three"},
                                                        {"23", "a three"},
                                                        {"7", "a seven"},
                                                        {"17", "a seven"},
                                                        {"27", "a seven"}}));
  EXPECT_EQ(done.ledger.acknowledged, 24U);
}

// BW-06, BW-20, BW-21: nobody else is restarted, neither up nor down, and nothing is lost.
TEST_F(Broadway, AStageThatThrowsIsRestartedAloneAndItsNeighboursNoticeNothing) {
  weir::pipeline p{"broadway", restarting()};
  const auto thrown = std::make_shared<int>(0);
  p.from("numbers", numbers(500))
      .via("before", [](int n) { return n; }, {.mailbox_capacity = 8})
      .via("throws",
           [thrown](int n) {
             if (n % 100 == 50 && *thrown == n / 100) {
               ++*thrown;
               throw std::runtime_error{"once each"};
             }
             return n;
           },
           {.mailbox_capacity = 8, .retry = at_once()})
      .batch("batch", {.size_max = 10, .delay_max = 1h, .mailbox_capacity = 16})
      .to("sink", into(batches_), {.mailbox_capacity = 1});
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  EXPECT_EQ(joined(batches_.items()), up_to(500));
  for (const auto& one : batches_.items())
    EXPECT_EQ(one.size(), 10U) << "as if nothing had happened";
  for (const auto& one : done.stages)
    EXPECT_EQ(one.restarts, one.stage == "throws" ? 5U : 0U) << one.stage;
  EXPECT_EQ(done.ledger.acknowledged, 500U);
}

// BW-11: two batchers, each by its own size, over 40 items.
TEST_F(Broadway, EachBatcherGoesByItsOwnSize) {
  collected<std::vector<int>> odd;
  weir::pipeline p{"broadway"};
  auto [even_ones, odd_ones] =
      p.from("numbers", numbers(40)).route([](const int& n) noexcept { return n % 2 == 0; });
  std::move(even_ones)
      .batch("even", {.size_max = 10, .delay_max = 1h})
      .to("even-sink", into(batches_));
  std::move(odd_ones).batch("odd", {.size_max = 5, .delay_max = 1h}).to("odd-sink", into(odd));
  run(std::move(p));
  EXPECT_EQ(batches_.size(), 2U);
  EXPECT_EQ(odd.size(), 4U);
  for (const auto& one : batches_.items())
    EXPECT_EQ(one.size(), 10U);
  for (const auto& one : odd.items())
    EXPECT_EQ(one.size(), 5U);
  EXPECT_EQ(joined(batches_.items()), up_to(40, [](int n) { return n % 2 == 0; }));
  EXPECT_EQ(joined(odd.items()), up_to(40, [](int n) { return n % 2 != 0; }));
}

// BW-12, BW-13: in lanes of stages and of batchers, with runs that fail on the way, in the smallest mailboxes, whoever
// has the next turn.
TEST_F(Broadway, AKeyKeepsItsOrderThroughStagesAndBatchersWhateverFailsAndRunsAgain) {
  std::uint64_t seed = 0;
  for (const std::uint32_t capacity : {1U, 3U, 64U})
    for (const auto how : {weir::one_for_one, weir::rest_for_one, weir::one_for_all}) {
      SCOPED_TRACE("seed " + std::to_string(++seed));
      collected<std::vector<int>> batches;
      weir::dead_letters::memory letters;
      const auto runs = std::make_shared<std::map<int, int>>();
      const auto troubled = [=](int divisor) {
        return [=](int n) -> weir::result<int> {
          const auto run = ++(*runs)[n * 10 + divisor];
          if (n % divisor == 1 && run == 1)
            return weir::transient("once more");
          if (n % divisor == 2 && run == 1)
            throw std::runtime_error{"once"};
          if (n % 64 == 13)
            return weir::poison("never");
          return n;
        };
      };
      weir::pipeline p{"broadway", restarting(1'000'000, how)};
      p.from("numbers", numbers(600))
          .key_by([](const int& n) { return n % 11; }, {.lanes = 3})
          .via("first", troubled(7), {.mailbox_capacity = capacity, .retry = at_once()})
          .via("second", troubled(9),
               {.mailbox_capacity = capacity,
                .retry = at_once(),
                .execution = weir::execution::own_thread})
          .batch("batch", {.size_max = capacity, .delay_max = 1h, .mailbox_capacity = capacity})
          .merge()
          .to("sink", into(batches), {.mailbox_capacity = 3});
      p.dead_letters_to(letters);
      node here{seed};
      auto& r = here.run(std::move(p));
      EXPECT_EQ(here.finish(r), state::finished) << r.why().message();
      std::map<int, std::vector<int>> by_key;
      for (const auto n : joined(batches.items()))
        by_key[n % 11].push_back(n);
      for (int key = 0; key < 11; ++key)
        EXPECT_EQ(by_key[key], up_to(600, [&](int n) { return n % 11 == key && n % 64 != 13; }));
      const auto ledger = r.snapshot().ledger;
      EXPECT_TRUE(ledger.balanced()) << to_string(r.snapshot());
      EXPECT_EQ(ledger.dead_lettered, 10U);
      EXPECT_EQ(ledger.acknowledged, 590U);
    }
}

// BW-20: the source alone is restarted; the others go on with what they have.
TEST_F(Broadway, ASourceThatThrowsIsRestartedAloneAndTheOthersGoOn) {
  struct brittle {
    using output = int;
    int next = 0;
    void on_start(weir::context& where) { next = static_cast<int>(where.last_position()); }
    weir::source_state poll(weir::intake<int>& in, weir::context&) {
      if (next == 200)
        return weir::source_state::done;
      in.put(next++);
      if (next % 20 == 0)
        throw std::runtime_error{"lost the connection"};
      return weir::source_state::more;
    }
  };
  weir::pipeline p{"broadway", restarting()};
  p.from("brittle", brittle{})
      .via("stage", [](int n) { return n; })
      .batch("batch", {.size_max = 7, .delay_max = 1h})
      .to("sink", into(batches_));
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  EXPECT_EQ(joined(batches_.items()), up_to(200));
  for (const auto& one : done.stages)
    EXPECT_EQ(one.restarts, one.stage == "brittle" ? 10U : 0U) << one.stage;
}

// BW-10, BW-24: what a source has handed over when it is told to end comes to its end; what it is given later isn't
// taken.
TEST_F(Broadway, ADrainFinishesWhatWasAdmittedAndAdmitsNothingMore) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    seeded chance{seed};
    const source_probe<int> hand;
    collected<std::vector<int>> batches;
    weir::pipeline p{"broadway"};
    p.from("hand", hand)
        .via("stage", [](int n) noexcept { return n; }, {.mailbox_capacity = 2})
        .batch("batch", {.size_max = 50, .delay_max = 1h, .mailbox_capacity = 50})
        .to("sink", into(batches));
    p.dead_letters_to(letters_);
    node here{seed};
    auto& r = here.run(std::move(p));
    for (int n = 0; n < 30; ++n)
      hand.push(n);
    for (auto steps = chance.below(60); steps > 0 && here.runtime().step(); --steps)
      ;
    hand.push(30, 31, 32);
    for (auto steps = chance.below(10); steps > 0 && here.runtime().step(); --steps)
      ;
    const auto taken = hand.taken();
    r.drain();
    for (int n = 33; n < 60; ++n)
      hand.push(n);
    ASSERT_EQ(here.finish(r), state::finished);
    ASSERT_TRUE(r.snapshot().ledger.balanced()) << to_string(r.snapshot());
    ASSERT_EQ(joined(batches.items()), up_to(taken));
    ASSERT_EQ(r.snapshot().ledger.acknowledged, taken);
    ASSERT_EQ(r.snapshot().ledger.admitted, taken);
  }
}

// BW-24: also while everything else happens: retries, restarts, batches half full, several workers.
TEST_F(Broadway, ADrainAtAnyMomentLosesNothing) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    collected<std::vector<int>> batches;
    weir::dead_letters::memory letters;
    const auto runs = std::make_shared<std::size_t>(0);
    weir::pipeline p{"broadway", restarting(1'000'000, static_cast<weir::strategy>(seed % 3))};
    p.from("numbers", numbers(endless))
        .via("stage",
             [runs](int n) -> weir::result<int> {
               const auto run = ++*runs;
               if (run % 11 == 3)
                 throw std::runtime_error{"now and then"};
               if (run % 7 == 1)
                 return weir::transient("once more");
               return n;
             },
             {.workers = 2, .mailbox_capacity = 4, .retry = at_once(50)})
        .batch("batch", {.size_max = 3, .delay_max = 1ms, .mailbox_capacity = 4})
        .via("apart", [](const batch<int>& all) { return all.items; }, {.mailbox_capacity = 1})
        .batch("again", {.size_max = 5, .delay_max = 1h, .mailbox_capacity = 5})
        .to("sink", into(batches), {.mailbox_capacity = 1});
    p.dead_letters_to(letters);
    node here{seed};
    auto& r = here.run(std::move(p));
    ASSERT_TRUE(here.until([&] { return *runs > 3 * seed; }));
    r.drain();
    ASSERT_EQ(here.finish(r), state::finished) << r.why().message();
    const auto now = r.snapshot();
    ASSERT_TRUE(now.ledger.balanced() && now.ledger.in_flight == 0) << to_string(now);
    auto got = joined(batches.items());
    std::ranges::sort(got);
    ASSERT_EQ(got, up_to(now.ledger.admitted));
    ASSERT_FALSE(now.settled_twice);
  }
}

// --- GenStage ------------------------------------------------------------------------------------------

// GS-1: the demand of who has nothing to do is what its mailbox holds; asked for in halves, not one by one.
TEST(GenStage, AProducerOutOfDemandIsAskedAgainForHalfAMailbox) {
  weir::internal::ring<int> ring{10};
  counting_waker producer;
  ring.set_producer(&producer);
  EXPECT_EQ(ring.credit(100), 10U);
  for (int n = 0; n < 10; ++n)
    EXPECT_FALSE(ring.try_push(n));
  ring.announce_producer_waiting();
  for (int taken = 1; taken <= 10; ++taken) {
    ring.release(1);
    EXPECT_EQ(producer.woken, taken < 5 ? 0 : 1) << "after " << taken;
  }
  EXPECT_EQ(ring.credit(100), 10U);
}

// GS-3: without demand nothing is stored beyond the mailboxes, and nothing is ever discarded.
TEST(GenStage, WithoutDemandASourceIsNotAskedAndNothingIsDiscarded) {
  for (const std::uint32_t workers : {1U, 2U, 4U}) {
    const auto out = sink_probe<int>::on_request();
    const auto polled = std::make_shared<int>(0);
    weir::pipeline p{"demand"};
    p.from("numbers", counted{20'000,
                              [polled](std::size_t n) {
                                ++*polled;
                                return static_cast<int>(n);
                              }})
        .to("sink", out, {.workers = workers, .mailbox_capacity = 4});
    p.dead_letters_to(weir::dead_letters::memory{});
    running r{std::move(p)};
    r.pass(1h);
    EXPECT_EQ(r.stage("sink").backlog, 4U * workers);
    EXPECT_EQ(*polled, static_cast<int>(4 * workers)) << "read only what there is room for";
    out.request(20'000);
    r.finishes();
    auto got = out.take();
    std::ranges::sort(got);
    EXPECT_EQ(got, up_to(20'000));
    EXPECT_EQ(r.ledger().dropped, 0U);
  }
}

// GS-6, GS-8: what a stage emits at its end comes behind everything else, and before the end.
TEST(GenStage, WhatIsEmittedAtTheEndComesLast) {
  struct farewell {
    using input = int;
    using output = int;
    void on_item(const int& n, weir::emitter<int>& out, weir::context&) { out(n); }
    void on_drain(weir::emitter<int>& out, weir::context&) {
      for (int n = -1; n >= -20; --n)
        out(n);
    }
  };
  collected<int> out;
  weir::dead_letters::memory letters;
  weir::pipeline p{"end"};
  p.from("numbers", numbers(100))
      .via("farewell", farewell{}, {.mailbox_capacity = 2})
      .via("pass", [](int n) noexcept { return n; }, {.mailbox_capacity = 1})
      .to("sink", out.sink(), {.mailbox_capacity = 1});
  p.dead_letters_to(letters);
  run(std::move(p));
  auto expected = up_to(100);
  for (int n = -1; n >= -20; --n)
    expected.push_back(n);
  EXPECT_EQ(out.items(), expected);
}

} // namespace
