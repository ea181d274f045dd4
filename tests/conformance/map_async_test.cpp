#include "../threads.hpp"

#include <weir/stages/awaitable.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

/// What Pekko's mapAsync pins down, for stages that wait.
namespace {

using namespace weir_test;
using boost::asio::awaitable;
using state = weir::running_pipeline::state;

/// Operations that end when the test says so, in the order it says; it may also say how.
class operations {
public:
  /// Waits until `release(n)`, and returns how often the operation of n was begun by then.
  awaitable<int> wait(int n) const {
    auto& here = *shared_;
    auto timer = std::make_shared<boost::asio::steady_timer>(
        co_await boost::asio::this_coro::executor, boost::asio::steady_timer::time_point::max());
    ++here.begun[n];
    ++here.begun_in_all;
    ++here.running;
    here.most_running = std::max(here.most_running, here.running);
    if (here.open || here.released.contains(n))
      timer->expires_at(boost::asio::steady_timer::time_point::min());
    else
      here.waiting.emplace(n, timer);
    boost::system::error_code ended;
    co_await timer->async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ended));
    --here.running;
    here.waiting.erase(n);
    if (!here.open && !here.released.contains(n))
      ++here.cancelled;
    co_return here.begun[n];
  }

  void release(int n) const {
    shared_->released.insert(n);
    wake(n);
  }
  void release_all() const {
    shared_->open = true;
    while (!shared_->waiting.empty())
      wake(shared_->waiting.begin()->first);
  }
  int begun(int n) const { return shared_->begun[n]; }
  int begun_in_all() const { return shared_->begun_in_all; }
  int running() const { return shared_->running; }
  int most_running() const { return shared_->most_running; }
  int cancelled() const { return shared_->cancelled; }

private:
  struct shared {
    bool open = false;
    std::set<int> released;
    std::map<int, std::shared_ptr<boost::asio::steady_timer>> waiting;
    std::map<int, int> begun;
    int begun_in_all = 0;
    int running = 0;
    int most_running = 0;
    int cancelled = 0;
  };

  void wake(int n) const {
    const auto found = shared_->waiting.find(n);
    if (found == shared_->waiting.end())
      return;
    auto timer = found->second;
    shared_->waiting.erase(found);
    boost::asio::post(timer->get_executor(), [timer] { timer->cancel(); });
  }

  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
};

class PekkoMapAsync : public testing::Test {
protected:
  /// numbers → a stage that waits for the test → a sink.
  template <class Function>
  weir::pipeline waiting(std::size_t count, Function function, weir::stage_options options) {
    weir::pipeline p{"waiting", restarting()};
    p.from("numbers", numbers(count)).via("wait", function, options).to("sink", out_.sink());
    p.dead_letters_to(letters_);
    return p;
  }
  auto pass() {
    return [all = all_](const int& n) -> awaitable<int> {
      co_await all.wait(n);
      co_return n;
    };
  }

  operations all_;
  collected<int> out_;
  weir::dead_letters::memory letters_;
};

// PK-M1
TEST_F(PekkoMapAsync, KeepsTheOrderOfTheItemsWhateverTheOrderOfCompletion) {
  running r{waiting(20, pass(), {.in_flight_max = 20})};
  EXPECT_EQ(all_.running(), 20);
  for (int n = 19; n >= 0; --n)
    all_.release(n);
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(20));
}

// PK-M1: what is done leaves as soon as all before it are.
TEST_F(PekkoMapAsync, HandsOnWhatIsDoneBeforeTheLaterOnesAre) {
  running r{waiting(4, pass(), {.in_flight_max = 4})};
  EXPECT_EQ(all_.running(), 4);
  all_.release(1);
  all_.release(0);
  r.settle();
  EXPECT_EQ(out_.items(), up_to(2));
  all_.release(3);
  r.settle();
  EXPECT_EQ(r.stage("wait").processed, 3U);
  EXPECT_EQ(out_.size(), 2U) << "3 waits for 2";
  all_.release(2);
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(4));
}

// PK-M1: the unordered kind.
TEST_F(PekkoMapAsync, HandsOnWhatIsDoneAtOnceWhereTheOrderIsRelaxed) {
  running r{waiting(4, pass(), {.in_flight_max = 4, .order = weir::order::relaxed})};
  EXPECT_EQ(all_.running(), 4);
  std::vector<int> released;
  for (int n : {2, 0, 3, 1}) {
    all_.release(n);
    r.settle();
    released.push_back(n);
    EXPECT_EQ(out_.items(), released);
  }
  r.finishes();
  EXPECT_EQ(out_.items(), (std::vector{2, 0, 3, 1}));
}

// PK-M1: on threads, as what a stage waits for goes on beside its worker.
TEST_F(PekkoMapAsync, NeverHasMoreInFlightThanAllowedOverTenThousandItems) {
  for (const auto kept : {weir::order::kept, weir::order::relaxed})
    for (const std::uint32_t most : {1U, 8U}) {
      collected<int> out;
      const auto running_now = std::make_shared<std::atomic<unsigned>>(0);
      const auto over = std::make_shared<std::atomic<unsigned>>(0);
      const auto peak = std::make_shared<std::atomic<unsigned>>(0);
      weir::pipeline p{"waiting"};
      p.from("numbers", numbers(10'000))
          .via("wait",
               [=](const int& n) -> awaitable<int> {
                 const auto now = ++*running_now;
                 *peak = std::max(peak->load(), now);
                 if (now > most)
                   ++*over;
                 // Some end at once, some after others had their turn.
                 for (int k = n % 7; k > 0; --k)
                   co_await boost::asio::post(co_await boost::asio::this_coro::executor,
                                              boost::asio::use_awaitable);
                 --*running_now;
                 co_return n;
               },
               {.in_flight_max = most, .order = kept})
          .to("sink", out.sink());
      p.dead_letters_to(letters_);
      EXPECT_EQ(run_on_threads(std::move(p)).ledger.acknowledged, 10'000U);
      EXPECT_EQ(*over, 0U);
      EXPECT_GE(*peak, std::min(most, 2U)) << "it was not used";
      auto got = out.items();
      if (kept == weir::order::relaxed)
        std::ranges::sort(got);
      EXPECT_EQ(got, up_to(10'000));
    }
}

// PK-M1: a back-off is in flight too.
TEST_F(PekkoMapAsync, CountsWhatWaitsToRunAgainAsInFlight) {
  const auto begun = std::make_shared<int>(0);
  running r{waiting(10,
                    [begun](const int& n) -> awaitable<weir::result<int>> {
                      ++*begun;
                      if (n < 2)
                        co_return weir::transient("later", 1h);
                      co_return n;
                    },
                    {.in_flight_max = 2})};
  EXPECT_EQ(r.stage("wait").failed, 2U);
  EXPECT_EQ(*begun, 2);
  r->drain();
  EXPECT_EQ(r->wait_until(weir::clock::now() + 59min), std::nullopt);
  r->abort(); // does not wait for the hour
  EXPECT_EQ(r->wait_until(weir::clock::now() + 1ms), state::failed);
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(r.ledger().in_flight, 10U);
}

// PK-M1
TEST_F(PekkoMapAsync, AdmitsNoMoreThanMailboxesAndFlightHold) {
  running r{waiting(10'000, pass(), {.mailbox_capacity = 8, .in_flight_max = 3})};
  EXPECT_EQ(all_.running(), 3);
  EXPECT_EQ(r.stage("wait").backlog, 8U);
  EXPECT_EQ(r.ledger().admitted, 8U) << "what is worked on stays in the mailbox";
  EXPECT_EQ(all_.begun_in_all(), 3);
  all_.release_all();
  r.finishes();
  EXPECT_EQ(all_.most_running(), 3);
  EXPECT_EQ(out_.items(), up_to(10'000));
}

// PK-M1: one item's failure is its own, whenever it comes.
TEST_F(PekkoMapAsync, ParksWhatFailsAndGoesOnWithTheOthers) {
  for (const auto kept : {weir::order::kept, weir::order::relaxed}) {
    collected<int> out;
    weir::dead_letters::memory letters;
    weir::pipeline p{"waiting", restarting()};
    p.from("numbers", numbers(100))
        .via("wait",
             [](const int& n) -> awaitable<weir::result<int>> {
               if (n % 10 == 3)
                 co_return weir::poison("at once"); // before anything was waited for
               co_await boost::asio::post(co_await boost::asio::this_coro::executor,
                                          boost::asio::use_awaitable);
               if (n % 10 == 7)
                 co_return weir::poison("later");
               co_return n;
             },
             {.retry = at_once(), .in_flight_max = 8, .order = kept})
        .to("sink", out.sink());
    p.dead_letters_to(letters);
    const auto done = run(std::move(p));
    auto got = out.items();
    if (kept == weir::order::relaxed)
      std::ranges::sort(got);
    EXPECT_EQ(got, up_to(100, [](int n) { return n % 10 != 3 && n % 10 != 7; }));
    EXPECT_EQ(done.ledger.dead_lettered, 20U);
    EXPECT_EQ(letters.letters().size(), 20U);
  }
}

// PK-M1: a failure waits for no item before it.
TEST_F(PekkoMapAsync, ParksAFailureWhileTheItemBeforeItIsStillRunning) {
  running r{waiting(3,
                    [all = all_](const int& n) -> awaitable<weir::result<int>> {
                      co_await all.wait(n);
                      if (n == 1)
                        co_return weir::poison("no");
                      co_return n;
                    },
                    {.in_flight_max = 3})};
  EXPECT_EQ(all_.running(), 3);
  all_.release(1);
  r.settle();
  EXPECT_EQ(letters_.letters().size(), 1U);
  EXPECT_EQ(out_.size(), 0U);
  all_.release_all();
  r.finishes();
  EXPECT_EQ(out_.items(), (std::vector{0, 2}));
}

// PK-M1: before it waits, while it waits, after others went on: always the worker's failure, and never a lost item.
TEST_F(PekkoMapAsync, SurvivesWhatIsThrownAnywhere) {
  const auto runs = std::make_shared<std::array<int, 200>>();
  auto p = waiting(200,
                   [runs](const int& n) -> awaitable<int> {
                     const auto run = ++(*runs)[static_cast<std::size_t>(n)];
                     if (n % 20 == 5 && run == 1)
                       throw n;
                     co_await boost::asio::post(co_await boost::asio::this_coro::executor,
                                                boost::asio::use_awaitable);
                     if (n % 20 == 15 && run < 3)
                       throw std::runtime_error{"number " + std::to_string(n)};
                     co_return n;
                   },
                   {.retry = at_once(), .in_flight_max = 4});
  const auto done = run(std::move(p));
  EXPECT_EQ(out_.items(), up_to(200));
  EXPECT_EQ(done.ledger.acknowledged, 200U);
  EXPECT_EQ(done.stages[1].failed, 30U);
  EXPECT_GT(done.stages[1].restarts, 0U);
}

// PK-M1: the decision is made once a run.
TEST_F(PekkoMapAsync, CountsEveryRunOnceAndNoMoreThanItsAttempts) {
  const auto runs = std::make_shared<int>(0);
  auto p = waiting(1,
                   [runs](const int&) -> awaitable<weir::result<int>> {
                     ++*runs;
                     co_return weir::transient("never");
                   },
                   {.retry = at_once(4), .in_flight_max = 1});
  const auto done = run(std::move(p));
  EXPECT_EQ(*runs, 4);
  EXPECT_EQ(done.stages[1].failed, 4U);
  ASSERT_EQ(letters_.letters().size(), 1U);
  EXPECT_EQ(letters_.letters().front().attempts, 4U);
  EXPECT_EQ(letters_.letters().front().payload, "0");
}

// PK-M1
TEST_F(PekkoMapAsync, FinishesWithoutCreditForMore) {
  for (const std::uint32_t most : {1U, 2U}) {
    const auto out = sink_probe<int>::on_request();
    operations all;
    weir::pipeline p{"waiting"};
    p.from("numbers", numbers(2))
        .via("wait",
             [all](const int& n) -> awaitable<int> {
               co_await all.wait(n);
               co_return n;
             },
             {.in_flight_max = most})
        .to("sink", out, {.mailbox_capacity = 1});
    p.dead_letters_to(letters_);
    running r{std::move(p)};
    all.release_all();
    r.settle();
    EXPECT_EQ(r.stage("wait").processed, 2U);
    out.request(2);
    r.finishes();
    out.expect(up_to(2));
  }
}

// PK-M1: drained with everything still in flight; what was admitted comes to its end.
TEST_F(PekkoMapAsync, IsDrainedWithAllItHasInFlight) {
  weir::pipeline p{"waiting"};
  p.from("numbers", numbers(SIZE_MAX))
      .via("wait", pass(), {.mailbox_capacity = 16, .in_flight_max = 5})
      .to("sink", out_.sink());
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  EXPECT_EQ(all_.running(), 5);
  r->drain();
  EXPECT_EQ(r->wait_until(weir::clock::now() + 1h), std::nullopt);
  all_.release_all();
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(r.ledger().admitted));
}

// PK-M1: cancelling reaches what is in flight, and waits for it to end.
TEST_F(PekkoMapAsync, IsAbortedWithItsOperationsCancelled) {
  running r{waiting(100, pass(), {.in_flight_max = 5})};
  EXPECT_EQ(all_.running(), 5);
  r->abort();
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(all_.running(), 0);
  EXPECT_EQ(all_.cancelled(), 5);
  EXPECT_EQ(all_.begun_in_all(), 5);
  EXPECT_EQ(r.ledger().in_flight, 100U);
}

// PK-M1: an empty answer ends the item, and nothing else.
TEST_F(PekkoMapAsync, LeavesOutWhatAnswersNothing) {
  weir::pipeline p{"waiting"};
  p.from("numbers", numbers(100))
      .via("wait",
           [](const int& n) -> awaitable<std::optional<int>> {
             co_return n % 3 == 0 ? std::optional{n} : std::nullopt;
           },
           {.in_flight_max = 8})
      .to("sink", out_.sink());
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  EXPECT_EQ(out_.items(), up_to(100, [](int n) { return n % 3 == 0; }));
  EXPECT_EQ(done.ledger.filtered, 66U);
}

// PK-M1's neighbour: an item that leads to many leads to no more than its stage allows.
TEST_F(PekkoMapAsync, RefusesAnItemThatLeadsToTooManyOutputs) {
  auto p = waiting(5,
                   [](const int& n) -> awaitable<std::vector<int>> {
                     co_return std::vector(static_cast<std::size_t>(n), n);
                   },
                   {.retry = at_once(1), .outputs_max = 3});
  const auto done = run(std::move(p));
  EXPECT_EQ(out_.items(), (std::vector{1, 2, 2, 3, 3, 3}));
  EXPECT_EQ(done.ledger, (weir::ledger_totals{
                             .admitted = 5, .acknowledged = 3, .filtered = 1, .dead_lettered = 1}));
  ASSERT_EQ(letters_.letters().size(), 1U);
  EXPECT_EQ(letters_.letters().front().why.message(),
            "one item led to more than 3 outputs (stage option outputs_max)");
}

// PK-M1's neighbour: a time-out is a failure of one run, and the item may succeed in the next.
TEST_F(PekkoMapAsync, RunsAnItemAgainThatTookTooLong) {
  auto p = waiting(3,
                   [all = all_](const int& n) -> awaitable<int> {
                     if (n == 1 && all.begun(n) < 2) {
                       co_await all.wait(n);                  // until it is cancelled
                       throw std::runtime_error{"cancelled"}; // as Asio's operations do
                     }
                     co_return n;
                   },
                   {.retry = at_once(5), .in_flight_max = 3, .timeout = 1h});
  const auto done = run(std::move(p));
  EXPECT_EQ(out_.items(), up_to(3));
  EXPECT_EQ(all_.cancelled(), 2);
  EXPECT_EQ(done.stages[1].failed, 2U);
  EXPECT_THAT(done.stages[1].last_failure, testing::HasSubstr("timed out after 3600000 ms"));
  EXPECT_EQ(done.stages[1].restarts, 0U);
}

// PK-M1's neighbour, and PK-H1: who never runs dry starves nobody.
TEST_F(PekkoMapAsync, TakesFromAllWhoFillItsMailbox) {
  const source_probe<int> hand;
  weir::pipeline p{"waiting"};
  p.merge(p.from("even", counted{SIZE_MAX, [](std::size_t n) { return 2 * static_cast<int>(n); }}),
          p.from("hand", hand))
      .via("wait", pass(), {.mailbox_capacity = 8, .in_flight_max = 1})
      .to("sink", out_.sink());
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  EXPECT_EQ(all_.running(), 1);
  hand.push(1);
  r.settle();
  EXPECT_EQ(r.stage("wait").backlog, 5U);
  for (int n = 0; n <= 8 && all_.begun(1) == 0; n += 2) {
    all_.release(n);
    r.settle();
    EXPECT_GT(all_.begun(1) + all_.begun(n + 2), 0);
    EXPECT_GE(r.stage("wait").backlog, 4U) << "never empty";
  }
  EXPECT_EQ(all_.begun(1), 1);
  r->drain();
  all_.release_all();
  r.finishes();
}

} // namespace
