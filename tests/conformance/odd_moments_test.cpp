#include "../threads.hpp"

#include <weir/actors/sleep.hpp>
#include <weir/stages/awaitable.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

/// Neighbours of the rows of docs/conformance.md: what happens together, or where nobody looks.
namespace {

using namespace weir_test;
using state = weir::running_pipeline::state;
using weir::batch;
using weir::context;
using weir::emitter;
using weir::result;

class OddMoment : public testing::Test {
protected:
  node here_;
  source_probe<int> in_;
  sink_probe<int> out_;
  weir::dead_letters::memory letters_{10'000};
};

// --- classes with state ----------------------------------------------------------------------------------

/// Sums up; says its sum when its timer rings and at the end. Its state can't be kept when it is told so.
struct summing {
  using input = int;
  using output = int;
  std::shared_ptr<int> checkpoints_that_fail;
  bool by_timer = false;
  int sum = 0;
  bool said = false;
  weir::time_point when{};

  void on_start(context& where) {
    if (by_timer)
      where.wake_at(when = where.now() + 1s);
  }
  void on_item(const int& n, emitter<int>&, context&) { sum += n; }
  void on_timer(emitter<int>& out, context& where) {
    if (by_timer && where.now() >= when && !std::exchange(said, true))
      out(sum);
  }
  void on_drain(emitter<int>& out, context&) {
    if (!by_timer)
      out(sum);
  }
  std::pair<int, bool> checkpoint() const {
    if (sum > 0 && *checkpoints_that_fail > 0 && --*checkpoints_that_fail >= 0)
      throw std::runtime_error{"no memory"};
    return {sum, said};
  }
  void restore(std::pair<int, bool> kept) { std::tie(sum, said) = kept; }
};

TEST_F(OddMoment, AStateThatCantBeKeptAtTheEndIsTheWorkersFailureAndNotThePipelines) {
  weir::pipeline p{"odd", restarting()};
  const auto failures = std::make_shared<int>(0);
  p.from("in", in_).via("sum", summing{failures}).to("out", out_);
  p.dead_letters_to(letters_);
  auto& r = here_.run(std::move(p));
  in_.push(1, 2, 3);
  here_.settle();
  *failures = 2;
  in_.complete();
  EXPECT_EQ(here_.finish(r), state::finished) << r.why().message();
  EXPECT_EQ(out_.items(), std::vector{6});
}

TEST_F(OddMoment, AStateThatCantBeKeptAfterATimerIsTheWorkersFailureAndNotThePipelines) {
  weir::pipeline p{"odd", restarting()};
  const auto failures = std::make_shared<int>(0);
  p.from("in", in_).via("sum", summing{failures, true}).to("out", out_);
  p.dead_letters_to(letters_);
  auto& r = here_.run(std::move(p));
  in_.push(1, 2, 3);
  here_.settle();
  *failures = 2;
  here_.pass(10s);
  in_.complete();
  EXPECT_EQ(here_.finish(r), state::finished) << r.why().message();
  EXPECT_EQ(out_.items(), std::vector{6});
}

/// Must be started before it is given anything, and can't be started a second time at once.
struct slow_starter {
  using input = int;
  using output = int;
  std::shared_ptr<int> starts;
  std::shared_ptr<int> unstarted;
  bool started = false;

  result<void> on_start(context&) {
    if (++*starts == 2)
      return weir::transient("in a moment");
    started = true;
    return {};
  }
  result<void> on_item(const int& n, emitter<int>& out, context&) {
    if (!started)
      ++*unstarted;
    if (n == 5 && *starts < 3)
      return weir::poison("a five");
    out(n);
    return {};
  }
  int checkpoint() const { return 0; }
  void restore(int) {}
};

TEST_F(OddMoment, AStageThatCouldNotBeStartedAgainIsGivenNothing) {
  slow_starter stage{std::make_shared<int>(0), std::make_shared<int>(0)};
  weir::pipeline p{"odd", restarting()};
  p.from("in", in_).via("stage", stage, {.retry = at_once()}).to("out", out_);
  p.dead_letters_to(letters_);
  auto& r = here_.run(std::move(p));
  for (int n = 0; n < 10; ++n)
    in_.push(n);
  in_.complete();
  EXPECT_EQ(here_.finish(r), state::finished) << r.why().message();
  EXPECT_EQ(*stage.unstarted, 0);
  EXPECT_EQ(out_.items().size() + letters_.letters().size(), 10U);
}

// --- what belongs to no position -------------------------------------------------------------------------

/// Emits one item for each, and three more of its own at the end.
struct with_farewell {
  using input = int;
  using output = int;
  void on_item(const int& n, emitter<int>& out, context&) { out(n); }
  void on_drain(emitter<int>& out, context&) {
    for (int n : {-1, -2, -3})
      out(n);
  }
};

TEST_F(OddMoment, WhatAStageEmitsOfItselfMayFailLikeAnythingElse) {
  for (const bool batched : {false, true}) {
    node here;
    source_probe<int> in;
    collected<int> out;
    weir::dead_letters::memory letters;
    weir::pipeline p{"odd", restarting()};
    const auto runs = std::make_shared<std::map<int, int>>();
    auto flow = p.from("in", in).via("farewell", with_farewell{});
    const auto fails = [runs](const int& n) -> result<int> {
      const auto run = ++(*runs)[n];
      if (n == -1)
        return weir::poison("never");
      if (n == -2 && run == 1)
        throw std::runtime_error{"once"};
      if (n == -3 && run < 3)
        return weir::transient("later");
      return n;
    };
    if (batched) {
      std::move(flow)
          .batch("batch", {.size_max = 2, .delay_max = 1h})
          .via("apart", [](const batch<int>& all) { return all.items; })
          .via("fails", fails, {.retry = at_once()})
          .to("out", out.sink());
    } else {
      std::move(flow).via("fails", fails, {.retry = at_once()}).to("out", out.sink());
    }
    p.dead_letters_to(letters);
    auto& r = here.run(std::move(p));
    in.push(1, 2, 3);
    in.complete();
    EXPECT_EQ(here.finish(r), state::finished);
    EXPECT_EQ(out.items(), (std::vector{1, 2, 3, -2, -3}));
    ASSERT_EQ(letters.letters().size(), 1U);
    EXPECT_EQ(letters.letters().front().payload, "-1");
    EXPECT_TRUE(r.snapshot().ledger.balanced()) << to_string(r.snapshot());
    EXPECT_FALSE(r.snapshot().settled_twice);
  }
}

/// Rejects the odd ones of a batch.
struct rejecting {
  using input = batch<int>;
  std::shared_ptr<std::vector<int>> stored = std::make_shared<std::vector<int>>();
  result<weir::batch_outcome> on_batch(const input& all, context&) {
    weir::batch_outcome outcome;
    for (std::size_t k = 0; k < all.items.size(); ++k)
      if (all.items[k] % 2 != 0)
        outcome.rejected.push_back({k, weir::poison("odd")});
      else
        stored->push_back(all.items[k]);
    return outcome;
  }
};

TEST_F(OddMoment, ARowOfNoPositionCanBeRejected) {
  rejecting sink;
  weir::pipeline p{"odd", restarting()};
  p.from("in", in_)
      .via("farewell", with_farewell{})
      .batch("batch", {.size_max = 4, .delay_max = 1h})
      .to("out", sink);
  p.dead_letters_to(letters_);
  auto& r = here_.run(std::move(p));
  in_.push(1, 2, 3, 4);
  in_.complete();
  EXPECT_EQ(here_.finish(r), state::finished);
  EXPECT_EQ(*sink.stored, (std::vector{2, 4, -2}));
  EXPECT_EQ(letters_.letters().size(), 4U);
  const auto ledger = r.snapshot().ledger;
  EXPECT_EQ(ledger, (weir::ledger_totals{.admitted = 4, .acknowledged = 2, .dead_lettered = 2}));
}

// --- several dead letters of one position ----------------------------------------------------------------

/// Refuses everything, and says how often it was given what.
auto refuses_all() {
  return [](const int& n) -> result<void> { return weir::poison("no " + std::to_string(n)); };
}

TEST_F(OddMoment, EqualItemsOfOnePositionAreAsManyLettersInWhicheverWorkerTheyFail) {
  for (std::uint32_t workers = 1; workers <= 4; ++workers) {
    node here;
    source_probe<int> in;
    weir::dead_letters::memory letters;
    weir::pipeline p{"odd"};
    p.from("in", in)
        .via("four",
             [](int n) {
               return std::vector{n, n, n, n};
             })
        .to("refuses", refuses_all(), {.workers = workers});
    p.dead_letters_to(letters);
    auto& r = here.run(std::move(p));
    in.push(1, 2, 3);
    in.complete();
    EXPECT_EQ(here.finish(r), state::finished);
    EXPECT_EQ(letters.letters().size(), 12U) << workers << " workers";
    EXPECT_EQ(r.snapshot().ledger.dead_lettered, 3U);
  }
}

TEST_F(OddMoment, CopiesThatComeTogetherAgainAndFailAreALetterEach) {
  weir::pipeline p{"odd"};
  auto [a, b] = p.from("in", in_).broadcast<2>();
  p.merge(std::move(a)
              .batch("pairs", {.size_max = 2, .delay_max = 1h})
              .via("apart", [](const batch<int>& all) { return all.items; }),
          std::move(b))
      .to("refuses", refuses_all());
  p.dead_letters_to(letters_);
  auto& r = here_.run(std::move(p));
  for (int n = 0; n < 7; ++n) {
    in_.push(n);
    here_.settle();
  }
  in_.complete();
  EXPECT_EQ(here_.finish(r), state::finished);
  EXPECT_EQ(letters_.letters().size(), 14U);
  EXPECT_EQ(r.snapshot().ledger.dead_lettered, 7U);
}

// --- permits of several workers --------------------------------------------------------------------------

TEST_F(OddMoment, PermitsThatHaveGatheredServeWhicheverWorkerHasItems) {
  // Two permits have gathered, and there are two items, a worker each.
  weir::pipeline p{"odd"};
  p.from("in", in_)
      .via("limit", [](int n) { return n; },
           {.workers = 2, .rate = {.permits = 1, .per = 1h, .burst = 2}})
      .to("out", out_);
  p.dead_letters_to(letters_);
  auto& r = here_.run(std::move(p));
  here_.pass(5h);
  in_.push(1);
  here_.settle();
  in_.push(2);
  here_.settle();
  EXPECT_EQ(out_.items().size(), 2U);
  in_.push(3);
  here_.pass(59min);
  EXPECT_EQ(out_.items().size(), 2U);
  here_.pass(2min);
  EXPECT_EQ(out_.items().size(), 3U);
  in_.complete();
  EXPECT_EQ(here_.finish(r), state::finished);
}

// --- starts ----------------------------------------------------------------------------------------------

TEST_F(OddMoment, APipelineThatRunsIsNotStartedASecondTime) {
  weir::pipeline p{"odd"};
  p.from("in", in_).to("out", out_);
  p.dead_letters_to(letters_);
  auto& r = here_.run(std::move(p));
  in_.push(1);
  const auto again = r.start();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message(), "pipeline 'odd' was started already");
  in_.complete();
  EXPECT_EQ(here_.finish(r), state::finished);
  EXPECT_EQ(out_.items(), std::vector{1});
}

/// Can't say at first where it had been.
struct forgetful {
  using output = int;
  std::shared_ptr<int> asked;
  std::uint64_t resume_after() const {
    if (++*asked == 1)
      throw std::runtime_error{"the table is locked"};
    return 0;
  }
  weir::source_state poll(weir::intake<int>& in, context&) {
    in.put(7);
    return weir::source_state::done;
  }
};

TEST_F(OddMoment, APipelineThatCouldNotBeStartedCanBeStartedLater) {
  const auto asked = std::make_shared<int>(0);
  collected<int> out;
  weir::pipeline p{"odd"};
  auto steady = p.from("steady", numbers(3));
  p.merge(std::move(steady), p.from("forgetful", forgetful{asked}))
      .via("stage", [](int n) { return n; })
      .to("out", out.sink());
  p.dead_letters_to(letters_);
  weir::running_pipeline r{std::move(p), here_.runtime()};
  const auto started = r.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(), testing::HasSubstr("the table is locked"));
  ASSERT_TRUE(r.start());
  EXPECT_EQ(r.wait(), state::finished);
  EXPECT_THAT(out.items(), testing::UnorderedElementsAre(0, 1, 2, 7));
  EXPECT_EQ(r.snapshot().stages.size(), 4U);
}

// --- back-off ------------------------------------------------------------------------------------------

TEST_F(OddMoment, WhatWasDoneBeforeAnItemThatWaitsForItsNextRunGoesOn) {
  node here{7};
  weir::pipeline p{"odd", restarting()};
  p.from("in", in_)
      .via("stage",
           [](int n) -> result<int> {
             if (n == 3)
               return weir::transient("tomorrow", 24h);
             return n;
           })
      .batch("batch", {.size_max = 2, .delay_max = 1s})
      .via("apart", [](const batch<int>& all) { return all.items; })
      .to("out", out_);
  p.dead_letters_to(letters_);
  auto& r = here.run(std::move(p));
  in_.push(0, 1, 2, 3, 4, 5);
  here.pass(2s);
  EXPECT_EQ(out_.items(), (std::vector{0, 1, 2}));
  in_.complete();
  r.abort();
  EXPECT_EQ(r.wait(), state::failed);
  EXPECT_EQ(r.snapshot().ledger.in_flight, 3U);
}

// --- everything together, on real threads ------------------------------------------------------------------

/// Draws pipelines, and what goes wrong in them.
class drawn {
public:
  explicit drawn(unsigned seed) : random_{seed} {}

  template <class... All>
  auto one_of(All... all) {
    const std::array those{all...};
    return those[random_() % those.size()];
  }
  bool one_in(unsigned of) { return random_() % of == 0; }
  std::size_t up_to(std::size_t most) { return random_() % (most + 1); }

  weir::stage_options options() {
    weir::stage_options chosen;
    chosen.mailbox_capacity = one_of(8U, 9U, 17U, 64U);
    chosen.retry = {.attempts = one_of(2U, 5U), .delay_min = 0ms, .delay_max = one_of(0ms, 2ms)};
    if (one_in(3))
      chosen.execution = weir::execution::own_thread;
    if (one_in(4))
      chosen.in_flight_max = 3;
    if (one_in(6))
      chosen.item_time_max = 1h;
    if (one_in(5))
      chosen.rate = {.permits = 100'000, .per = 1s, .burst = one_of(1U, 50U)};
    return chosen;
  }

  /// Fails now and then, in each of the three ways; which item does is chance, but always the same for poison.
  auto trouble() {
    return [salt = static_cast<unsigned>(random_() % 1000),
            runs = std::make_shared<std::atomic<unsigned>>(0)](int n) -> result<int> {
      const auto chance = (static_cast<unsigned>(n) * 2654435761U + salt) >> 7U;
      const auto run = ++*runs;
      if (chance % 37 == 5)
        return weir::poison("poison");
      if ((chance + run) % 19 == 3)
        return weir::transient("transient");
      if ((chance + run) % 23 == 4)
        throw std::runtime_error{"thrown"};
      return n;
    };
  }
  /// The same after a while, which now and then is too long.
  auto waiting_trouble() {
    return [trouble = trouble(), runs = std::make_shared<std::atomic<unsigned>>(0)](
               const int& n) -> boost::asio::awaitable<result<int>> {
      const auto run = ++*runs;
      co_await weir::sleep_for(run % 13 == 5  ? std::chrono::milliseconds{3'600'000}
                               : run % 3 == 0 ? 1ms
                                              : 0ms);
      co_return trouble(n);
    };
  }

  weir::flow<int> stage(weir::pipeline& p, weir::flow<int> flow, const std::string& name) {
    auto chosen = options();
    switch (random_() % 8) {
    case 0:
      return std::move(flow).via(name, trouble(), chosen);
    case 1:
      chosen.workers = 2;
      return std::move(flow).via(name, trouble(), chosen);
    case 2:
      chosen.in_flight_max = one_of(1U, 3U, 8U);
      chosen.order = one_of(weir::order::kept, weir::order::relaxed);
      chosen.timeout = 3ms;
      chosen.retry.attempts = 20;
      return std::move(flow).via(name, waiting_trouble(), chosen);
    case 3:
      return std::move(flow)
          .batch(name, {.size_max = one_of(1U, 3U, 8U),
                        .delay_max = one_of(0ms, 1ms),
                        .mailbox_capacity = 8})
          .via(
              name + "-apart", [](const batch<int>& all) { return all.items; }, chosen);
    case 4: {
      auto [a, b] = std::move(flow).route([](const int& n) { return n % 3 == 0; }, name);
      return p.merge(std::move(a).via(name + "-a", trouble(), chosen), std::move(b));
    }
    case 5:
      return std::move(flow)
          .key_by([](const int& n) { return n % 13; }, {.lanes = 3})
          .via(name, trouble(), chosen)
          .merge();
    case 6: {
      chosen.in_flight_max = 2;
      chosen.timeout = 3ms;
      chosen.retry.attempts = 20;
      return std::move(flow)
          .key_by([](const int& n) { return n % 13; }, {.lanes = 3})
          .via(name, waiting_trouble(), chosen)
          .batch(name + "-batch", {.size_max = 4, .delay_max = 1ms, .mailbox_capacity = 8})
          .merge()
          .via(
              name + "-apart", [](const batch<int>& all) { return all.items; }, options());
    }
    default:
      return std::move(flow).via(name, with_farewell{}, chosen);
    }
  }

private:
  std::mt19937 random_;
};

/// numbers(count) that throws, can't read, waits, and leaves gaps.
struct moody {
  using output = int;
  std::size_t count;
  std::size_t first; ///< its first number
  std::uint64_t gap;
  std::size_t next = 0;
  unsigned polls = 0;

  void on_start(context& where) { next = where.last_position() / gap; }
  result<weir::source_state> poll(weir::intake<int>& in, context& where) {
    const auto mood = ++polls % 11;
    if (mood == 3)
      return weir::transient("can't read");
    if (mood == 7) {
      where.wake_at(where.now() + 1ms);
      return weir::source_state::wait;
    }
    for (int some = 0; some < 20 && in.room() > 0 && next < count; ++some) {
      in.put(static_cast<int>(first + next), (next + 1) * gap);
      ++next;
    }
    if (mood == 9)
      throw std::runtime_error{"lost the connection"};
    return next == count ? weir::source_state::done : weir::source_state::more;
  }
};

/// Keeps letters, but not always at once.
class moody_letters : public weir::dead_letter_store {
public:
  explicit moody_letters(weir::dead_letters::memory kept) : kept_{std::move(kept)} {}
  result<void> put(std::span<const weir::dead_letter> letters) override {
    if (++puts_ % 5 == 2)
      return weir::transient("busy");
    if (puts_ % 7 == 3)
      throw std::runtime_error{"thrown"};
    return kept_.put(letters);
  }

private:
  weir::dead_letters::memory kept_;
  unsigned puts_ = 0;
};

/// Stores batches; rejects some rows, refuses some batches, throws at some.
struct moody_table {
  using input = batch<int>;
  collected<int> stored;
  std::shared_ptr<std::atomic<unsigned>> runs = std::make_shared<std::atomic<unsigned>>(0);
  result<weir::batch_outcome> on_batch(const input& all, context& where) {
    const auto run = ++*runs;
    std::ignore = where.points();
    if (run % 5 == 2)
      return weir::transient("busy");
    if (run % 9 == 3)
      throw std::runtime_error{"thrown"};
    weir::batch_outcome outcome;
    for (std::size_t k = 0; k < all.items.size(); ++k)
      if (all.items[k] % 41 == 7)
        outcome.rejected.push_back({k, weir::poison("a bad row")});
      else
        stored.add(all.items[k]);
    return outcome;
  }
};

TEST(OddMomentOnThreads, AnyPipelineEndedAtAnyMomentLosesAndDoublesNothing) {
  // Others with --gtest_random_seed.
  const auto base = 1000 * static_cast<unsigned>(testing::GTEST_FLAG(random_seed));
  for (unsigned seed = base + 1; seed <= base + 15; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    drawn chance{seed};
    const bool endless = chance.one_in(2);
    const std::size_t count = endless ? 1'000'000 : 1000;
    collected<int> out;
    weir::dead_letters::memory letters{1'000'000};
    weir::pipeline p{
        "any", restarting(1'000'000,
                          chance.one_of(weir::one_for_one, weir::one_for_all, weir::rest_for_one))};
    std::vector<weir::flow<int>> sources;
    for (std::size_t k = chance.up_to(2) + 1; k > 0; --k)
      sources.push_back(p.from("source" + std::to_string(k),
                               moody{.count = count,
                                     .first = k * 10'000'000,
                                     .gap = chance.one_of(1U, 2U, 1000U, 200'000U)}));
    auto flow = std::move(sources.back());
    sources.pop_back();
    for (auto& more : sources)
      flow = p.merge(std::move(flow), std::move(more));
    for (std::size_t k = chance.up_to(5); k > 0; --k)
      flow = chance.stage(p, std::move(flow), "s" + std::to_string(k));
    if (chance.one_in(2)) {
      auto chosen = chance.options();
      chosen.retry.attempts = 20;
      std::move(flow)
          .batch("rows", {.size_max = 7, .delay_max = chance.one_of(0ms, 1ms, 3ms)})
          .to("table", moody_table{out}, chosen);
    } else {
      std::move(flow).to("sink", out.sink(), chance.options());
    }
    p.dead_letters_to(moody_letters{letters});
    ASSERT_EQ(p.validate(), std::vector<std::string>{});
    running_on_threads r{std::move(p)};
    const auto enough = chance.up_to(500);
    const auto kills = chance.one_in(2) ? chance.up_to(20) : 0;
    for (std::size_t k = 0; k < kills; ++k) {
      r->kill(chance.up_to(r->workers_count() - 1));
      std::this_thread::yield();
    }
    EXPECT_TRUE(eventually([&] { return r.ledger().settled() >= enough; }))
        << to_string(r->snapshot());
    const bool aborts = chance.one_in(4);
    if (aborts)
      r->abort();
    else if (endless)
      r->drain();
    const auto how = r.ended();
    const auto now = r->snapshot();
    ASSERT_FALSE(now.settled_twice);
    std::map<int, int> times;
    for (auto n : out.items())
      if (n >= 0)
        ++times[n];
    for (const auto& one : letters.letters()) {
      std::istringstream numbers_in{one.payload}; // a batch that was refused is a letter of several
      for (int n = 0; numbers_in >> n;)
        if (n >= 0)
          ++times[n];
    }
    for (const auto& [n, often] : times)
      ASSERT_EQ(often, 1) << n;
    if (!aborts || how == state::finished) {
      ASSERT_EQ(how, state::finished) << r->why().message();
      ASSERT_EQ(now.ledger.in_flight, 0U) << to_string(now);
      ASSERT_EQ(times.size(), now.ledger.admitted);
    }
  }
}

} // namespace
