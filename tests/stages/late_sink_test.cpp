#include "../threads.hpp"

#include <weir/actors/sleep.hpp>
#include <weir/stages/awaitable.hpp>
#include <weir/stages/settlement.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

/// Sinks that settle later: with a settlement, or as a coroutine.
namespace {

using namespace weir_test;
using boost::asio::awaitable;
using weir::batch;
using weir::batch_outcome;
using weir::context;
using weir::result;
using weir::settlement;
using state = weir::running_pipeline::state;

/// A sink whose settlements are in the test's hand. Copies share everything.
template <class T>
class in_hand {
public:
  using input = T;
  /// May settle, or fail, at once.
  using answering = std::function<result<void>(const T&, settlement&)>;

  in_hand() = default;
  explicit in_hand(answering answers) { shared_->answers = std::move(answers); }

  /// What it was given so far, in that order.
  std::vector<T> given() const {
    std::vector<T> all;
    for (const auto& one : shared_->calls)
      all.push_back(one.item);
    return all;
  }
  std::vector<T> given_since_then() const {
    auto all = given();
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(shared_->seen));
    shared_->seen = shared_->calls.size();
    return all;
  }
  /// The settlement of the n-th call.
  settlement of(std::size_t nth) const { return std::move(shared_->calls.at(nth).token); }
  std::size_t flushes() const { return shared_->flushes; }
  std::size_t lives() const { return shared_->lives; }

  result<void> on_start(context&) {
    ++shared_->lives;
    return {};
  }
  result<void> on_item(const T& item, settlement token,
                       context&) requires(!weir::internal::is_batch<T>) {
    return take(item, std::move(token));
  }
  result<void> on_batch(const T& items, settlement token,
                        context&) requires(weir::internal::is_batch<T>) {
    return take(items, std::move(token));
  }
  void flush(context&) { ++shared_->flushes; }

private:
  struct call {
    T item;
    settlement token;
  };
  struct shared {
    answering answers;
    std::deque<call> calls;
    std::size_t seen = 0;
    std::size_t flushes = 0;
    std::size_t lives = 0;
  };

  result<void> take(const T& item, settlement token) {
    result<void> answer;
    if (shared_->answers)
      answer = shared_->answers(item, token);
    shared_->calls.push_back({item, std::move(token)});
    return answer;
  }

  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
};

static_assert(weir::internal::sinks::late_of_items<in_hand<int>> && !weir::item_sink<in_hand<int>>);
static_assert(weir::internal::sinks::late_of_batches<in_hand<batch<int>>>);

class LateSink : public testing::Test {
protected:
  template <class Sink>
  weir::pipeline into(Sink sink, std::size_t count, weir::stage_options options) {
    weir::pipeline p{"late", restarting()};
    p.from("numbers", numbers(count)).to("sink", std::move(sink), options);
    p.dead_letters_to(letters_);
    return p;
  }
  template <class Sink>
  weir::pipeline batches_into(Sink sink, std::size_t count, weir::stage_options options) {
    weir::pipeline p{"late", restarting()};
    p.from("numbers", numbers(count))
        .batch("batch", {.size_max = 5, .delay_max = 1s})
        .to("sink", std::move(sink), options);
    p.dead_letters_to(letters_);
    return p;
  }
  std::vector<std::string> dead_lettered() const {
    std::vector<std::string> all;
    for (const auto& one : letters_.letters())
      all.push_back(one.payload + " " + one.why.message());
    return all;
  }
  static void drop(settlement) {}

  in_hand<int> sink_;
  weir::dead_letters::memory letters_;
};

TEST_F(LateSink, SettlesInAnyOrder) {
  running r{into(sink_, 5, {.in_flight_max = 3})};
  EXPECT_EQ(sink_.given_since_then(), up_to(3));
  EXPECT_EQ(r.ledger().acknowledged, 0U);
  sink_.of(1).stored();
  r.settle();
  EXPECT_EQ(sink_.given_since_then(), std::vector{3});
  EXPECT_EQ(r.ledger().acknowledged, 1U) << "those before it are not settled";
  for (const auto call : {3U, 0U, 2U})
    sink_.of(call).stored();
  r.settle();
  EXPECT_EQ(sink_.given_since_then(), std::vector{4});
  EXPECT_EQ(r.ledger().acknowledged, 4U);
  sink_.of(4).stored();
  r.finishes();
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{.admitted = 5, .acknowledged = 5}));
}

TEST_F(LateSink, HasNeverMoreInHandThanItMay) {
  constexpr std::size_t count = 30;
  running r{into(sink_, count, {.in_flight_max = 4})};
  std::vector<std::size_t> open;
  for (std::size_t seen = 0, settled = 0; settled < count; ++settled) {
    for (; seen < sink_.given().size(); ++seen)
      open.push_back(seen);
    ASSERT_EQ(open.size(), std::min<std::size_t>(4, count - settled));
    const auto next = open.begin() + static_cast<std::ptrdiff_t>(settled * 7 % open.size());
    sink_.of(*next).stored();
    open.erase(next);
    r.settle();
  }
  r.finishes();
  EXPECT_EQ(sink_.given(), up_to(count)) << "each once";
}

TEST_F(LateSink, MaySettleInItsCall) {
  for (const std::uint32_t places : {1U, 4U}) {
    in_hand<int> sink{[](const int&, settlement& token) -> result<void> {
      token.stored();
      return {};
    }};
    running r{into(sink, 20, {.in_flight_max = places})};
    EXPECT_EQ(sink.given(), up_to(20));
    r.finishes();
    EXPECT_EQ(r.ledger().acknowledged, 20U);
    EXPECT_EQ(sink.flushes(), 0U) << "nothing was unsettled at the end";
  }
}

TEST_F(LateSink, ThatNeverSettlesIsGivenTheItemAgainAfterItsTime) {
  running r{into(sink_, 2, {.retry = at_once(), .in_flight_max = 2, .timeout = 2s})};
  sink_.of(1).stored();
  r.pass(1999ms);
  EXPECT_EQ(sink_.given_since_then(), up_to(2));
  r.pass(1ms);
  EXPECT_EQ(sink_.given_since_then(), std::vector{0});
  EXPECT_EQ(r.stage("sink").last_failure, "not settled within 2000 ms; it may be stored twice");
  sink_.of(0).stored();
  r.settle();
  EXPECT_EQ(r.ledger().acknowledged, 1U) << "that settlement is an old one's";
  sink_.of(2).stored();
  r.finishes();
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{.admitted = 2, .acknowledged = 2}));
  EXPECT_EQ(r.stage("sink").restarts, 0U);
}

TEST_F(LateSink, ThatNeverSettlesAtAllLosesItsAttempts) {
  running r{into(sink_, 1, {.retry = at_once(3), .timeout = 2s})};
  r.finishes();
  EXPECT_EQ(sink_.given(), (std::vector{0, 0, 0}));
  EXPECT_EQ(dead_lettered(),
            std::vector<std::string>{"0 not settled within 2000 ms; it may be stored twice"});
}

TEST_F(LateSink, ThatDropsItsSettlementHasFailed) {
  running r{into(sink_, 1, {.retry = at_once()})};
  drop(sink_.of(0));
  r.settle();
  EXPECT_EQ(sink_.given(), (std::vector{0, 0}));
  EXPECT_EQ(r.stage("sink").last_failure, "the sink dropped its settlement");
  sink_.of(1).stored();
  r.finishes();
  EXPECT_EQ(r.ledger().acknowledged, 1U);
}

TEST_F(LateSink, FailsAsItSettles) {
  running r{into(sink_, 3, {.retry = at_once(), .in_flight_max = 3})};
  sink_.of(0).failed(weir::transient("busy"));
  sink_.of(1).failed(weir::poison("refused"));
  sink_.of(2).stored();
  r.settle();
  EXPECT_EQ(sink_.given(), (std::vector{0, 1, 2, 0}));
  sink_.of(3).stored();
  r.finishes();
  EXPECT_EQ(dead_lettered(), std::vector<std::string>{"1 refused"});
}

TEST_F(LateSink, ThatFailsAtOnceHasNothingMoreToSay) {
  const in_hand<int> sink{[](const int& n, settlement& token) -> result<void> {
    if (n == 0)
      token.stored();
    return n < 2 ? result<void>{weir::poison("refused")} : result<void>{};
  }};
  running r{into(sink, 3, {.in_flight_max = 3})};
  sink.of(1).stored();
  sink.of(2).stored();
  r.finishes();
  EXPECT_EQ(dead_lettered(), (std::vector<std::string>{"0 refused", "1 refused"}));
  EXPECT_EQ(r.ledger(),
            (weir::ledger_totals{.admitted = 3, .acknowledged = 1, .dead_lettered = 2}));
}

TEST_F(LateSink, OfBatchesAnswersForEachRow) {
  const in_hand<batch<int>> sink;
  running r{batches_into(sink, 10, {.in_flight_max = 2})};
  ASSERT_EQ(sink.given().size(), 2U);
  sink.of(1).stored();
  sink.of(0).stored(
      {.filtered = {1, 4}, .rejected = {{.index = 2, .why = weir::poison("bad row")}}});
  r.finishes();
  EXPECT_EQ(dead_lettered(), std::vector<std::string>{"2 bad row"});
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{
                            .admitted = 10, .acknowledged = 7, .filtered = 2, .dead_lettered = 1}));
}

TEST_F(LateSink, ThatNamesARowThatIsNotThereFails) {
  const in_hand<batch<int>> sink;
  running r{batches_into(sink, 5, {.retry = at_once()})};
  sink.of(0).stored({.filtered = {5}, .rejected = {}});
  r.pass(1s);
  ASSERT_EQ(sink.given().size(), 2U);
  EXPECT_EQ(r.stage("sink").last_failure, "the sink named row 5 of a batch of 5");
  sink.of(1).stored();
  r.finishes();
  EXPECT_EQ(r.ledger().acknowledged, 5U);
}

// --- restarts ------------------------------------------------------------------------------------------

TEST_F(LateSink, ThatIsKilledIsGivenWhatItHasNotSettledAgainInOrder) {
  running r{into(sink_, 8, {.in_flight_max = 4})};
  EXPECT_EQ(sink_.given_since_then(), up_to(4));
  r->kill(1);
  r.pass(999ms);
  EXPECT_EQ(r.stage("sink").restarts, 1U);
  EXPECT_EQ(sink_.lives(), 2U);
  EXPECT_EQ(sink_.flushes(), 1U);
  EXPECT_TRUE(sink_.given_since_then().empty()) << "it has a second to settle what it was given";
  sink_.of(1).stored();
  r.settle();
  EXPECT_EQ(r.ledger().acknowledged, 1U);
  r.pass(5ms);
  const auto again = sink_.given_since_then();
  ASSERT_GE(again.size(), 3U);
  EXPECT_EQ(std::vector(again.begin(), again.begin() + 3), (std::vector{0, 2, 3}));
  for (const auto old : {0U, 2U, 3U})
    sink_.of(old).stored();
  r.settle();
  EXPECT_EQ(r.ledger().acknowledged, 1U) << "those settlements are the old sink's";
  for (std::size_t call = 4; call < sink_.given().size(); ++call) {
    sink_.of(call).stored();
    r.settle();
  }
  r.finishes();
  EXPECT_EQ(sink_.given(), (std::vector{0, 1, 2, 3, 0, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{.admitted = 8, .acknowledged = 8}));
  EXPECT_EQ(r.stage("sink").failed, 0U) << "no item is charged";
}

TEST_F(LateSink, ThatIsKilledTwiceGivesTheFirstNoMoreTime) {
  running r{into(sink_, 3, {.in_flight_max = 3})};
  r->kill(1);
  r.pass(600ms);
  r->kill(1);
  r.pass(600ms);
  EXPECT_EQ(sink_.lives(), 3U);
  EXPECT_EQ(sink_.given(), (std::vector{0, 1, 2, 0, 1, 2}));
  for (const auto call : {3U, 4U, 5U})
    sink_.of(call).stored();
  r.finishes();
  EXPECT_EQ(r.ledger().acknowledged, 3U);
}

TEST_F(LateSink, ThatThrowsIsGivenWhatCameBeforeFirst) {
  auto thrown = std::make_shared<bool>(false);
  const in_hand<int> sink{[thrown](const int& n, settlement&) -> result<void> {
    if (n == 2 && !std::exchange(*thrown, true))
      throw std::runtime_error{"ouch"};
    return {};
  }};
  running r{into(sink, 3, {.retry = at_once(), .in_flight_max = 3})};
  EXPECT_EQ(sink.given(), up_to(2));
  r.pass(2s);
  EXPECT_EQ(sink.given(), (std::vector{0, 1, 0, 1, 2}));
  for (const auto call : {2U, 3U, 4U})
    sink.of(call).stored();
  r.finishes();
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{.admitted = 3, .acknowledged = 3}));
}

// --- the end -------------------------------------------------------------------------------------------

TEST_F(LateSink, IsWaitedForByADrain) {
  const source_probe<int> in;
  weir::pipeline p{"late"};
  p.from("numbers", in).to("sink", sink_, {.in_flight_max = 4});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  in.push(0, 1, 2);
  r.settle();
  EXPECT_EQ(sink_.flushes(), 0U);
  r->drain();
  r.pass(1h);
  EXPECT_FALSE(r->workers_have_finished());
  EXPECT_EQ(sink_.flushes(), 1U) << "it was asked to hold nothing back";
  for (const auto call : {0U, 1U, 2U})
    sink_.of(call).stored();
  r.finishes();
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{.admitted = 3, .acknowledged = 3}));
}

TEST_F(LateSink, IsAskedForWhatItHoldsBackAlsoIfAllItsPlacesAreTaken) {
  const source_probe<int> in;
  weir::pipeline p{"late"};
  p.from("numbers", in).to("sink", sink_, {.in_flight_max = 2});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  in.push(0, 1);
  r.settle();
  in.complete();
  r.settle();
  EXPECT_EQ(sink_.flushes(), 1U);
  sink_.of(0).stored();
  sink_.of(1).stored();
  r.finishes();
}

TEST_F(LateSink, IsNotWaitedForByAnAbort) {
  running r{into(sink_, 5, {.in_flight_max = 3})};
  sink_.of(0).stored();
  r.settle();
  const auto before = r.node().now();
  r->abort();
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(r.node().now(), before);
  sink_.of(1).stored();
  sink_.of(2).failed(weir::poison("too late"));
  r.settle();
  EXPECT_EQ(r.ledger().acknowledged, 1U);
  EXPECT_EQ(r.ledger().in_flight, 4U) << "what is left has no outcome";
}

TEST_F(LateSink, MayBeGoneWhenItSettles) {
  {
    running r{into(sink_, 3, {.in_flight_max = 3})};
    ASSERT_EQ(sink_.given(), up_to(3));
  }
  sink_.of(0).stored();
  sink_.of(1).failed(weir::fatal("nobody hears it"));
  drop(sink_.of(2));
}

/// Sends four at a time.
struct gathering {
  using input = int;
  std::shared_ptr<std::vector<std::size_t>> sent;
  std::vector<settlement> held = {};

  explicit gathering(std::shared_ptr<std::vector<std::size_t>> sizes) : sent{std::move(sizes)} {}

  void on_item(const int&, settlement token, context& where) {
    held.push_back(std::move(token));
    if (held.size() == 4)
      flush(where);
  }
  void flush(context&) {
    sent->push_back(held.size());
    for (auto& one : held)
      one.stored();
    held.clear();
  }
};

TEST_F(LateSink, IsAskedForWhatItHoldsBackAtTheEndOfTheStream) {
  const auto sent = std::make_shared<std::vector<std::size_t>>();
  running r{into(weir::factory{[sent] { return gathering{sent}; }}, 10, {.in_flight_max = 8})};
  r.finishes();
  EXPECT_EQ(*sent, (std::vector<std::size_t>{4, 4, 2}));
  EXPECT_EQ(r.ledger().acknowledged, 10U);
}

// --- coroutines ----------------------------------------------------------------------------------------

TEST_F(LateSink, MayBeAnAwaitableFunction) {
  const collected<int> out;
  running r{into(
      [out](int n) -> awaitable<result<void>> {
        co_await weir::sleep_for(n == 0 ? 2500ms : 1000ms);
        if (n == 4)
          co_return weir::poison("refused");
        out.add(n);
        co_return result<void>{};
      },
      6, {.in_flight_max = 2})};
  r.pass(1s);
  EXPECT_EQ(r.ledger().acknowledged, 1U) << "the first is not stored yet";
  r.finishes();
  EXPECT_EQ(out.items(), (std::vector{1, 2, 0, 3, 5}));
  EXPECT_EQ(dead_lettered(), std::vector<std::string>{"4 refused"});
}

TEST_F(LateSink, ThatIsAwaitableIsCancelledAfterItsTime) {
  auto runs = std::make_shared<int>(0);
  running r{into(
      [runs](int) -> awaitable<result<void>> {
        if (++*runs == 1)
          co_await weir::sleep_for(1h);
        co_return result<void>{};
      },
      1, {.retry = at_once(), .timeout = 2s})};
  r.pass(2s);
  EXPECT_EQ(r.stage("sink").last_failure, "timed out after 2000 ms; it may be stored twice");
  r.finishes();
  EXPECT_EQ(r.ledger().acknowledged, 1U);
  EXPECT_EQ(*runs, 2);
}

struct awaitable_table {
  using input = batch<int>;
  collected<std::string> seen;

  awaitable<result<batch_outcome>> on_batch(const input& rows, context& where) {
    co_await weir::sleep_for(1s);
    seen.add(where.stage() + " " + std::to_string(rows.items.size()));
    batch_outcome outcome;
    if (rows.items.front() == 0)
      outcome = {.filtered = {1}, .rejected = {{.index = 0, .why = weir::poison("bad row")}}};
    co_return outcome;
  }
  result<void> on_drain(context&) {
    seen.add("drained");
    return {};
  }
};

TEST_F(LateSink, MayBeAnAwaitableSinkOfBatches) {
  const collected<std::string> seen;
  running r{batches_into(awaitable_table{seen}, 10, {.in_flight_max = 2})};
  r.finishes();
  EXPECT_EQ(seen.items(), (std::vector<std::string>{"sink 5", "sink 5", "drained"}));
  EXPECT_EQ(dead_lettered(), std::vector<std::string>{"0 bad row"});
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{
                            .admitted = 10, .acknowledged = 8, .filtered = 1, .dead_lettered = 1}));
}

// --- what is refused -----------------------------------------------------------------------------------

TEST_F(LateSink, HasATimeoutInsteadOfALimitOnTheTimeForAnItem) {
  EXPECT_THAT(into(sink_, 1, {.item_time_max = 1s}).validate(),
              testing::ElementsAre("stage 'sink': item_time_max is not for sinks that settle "
                                   "later: these have a timeout"));
}

// --- with threads --------------------------------------------------------------------------------------

/// Hands each settlement to a thread of its own.
struct threaded {
  using input = int;
  std::shared_ptr<std::vector<std::jthread>> threads;

  void on_item(const int&, settlement token, context&) {
    threads->emplace_back([token = std::move(token)]() mutable { token.stored(); });
  }
};

TEST_F(LateSink, MaySettleFromAnyThread) {
  const auto threads = std::make_shared<std::vector<std::jthread>>();
  running_on_threads r{into(threaded{threads}, 200, {.in_flight_max = 16})};
  r.finishes();
  EXPECT_EQ(r.ledger().acknowledged, 200U);
}

} // namespace
