#include "stage_by_hand.hpp"

#include "../threads.hpp"

#include <weir/stages/awaitable.hpp>
#include <weir/stages/batcher.hpp>
#include <weir/stages/function_runner.hpp>
#include <weir/stages/router.hpp>
#include <weir/stages/runs.hpp>
#include <weir/stages/sink.hpp>
#include <weir/stages/source.hpp>
#include <weir/stages/transform.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace weir_test;
using by_hand::kind;
using weir::context;
using weir::emitter;
using weir::internal::ports;
using state = weir::running_pipeline::state;

// --- every kind of stage, with both its neighbours played by the test ------------------------------------

template <class F>
auto function(F f) {
  return [f](const ports& where) {
    return std::make_unique<weir::internal::transform_stepper<F>>(where, f);
  };
}
template <class F>
auto waiting(F f) {
  return [f](const ports& where) {
    return std::make_unique<weir::internal::awaitable_stepper<F>>(where, f);
  };
}

struct passing {
  using input = int;
  using output = int;
  void on_item(const int& n, emitter<int>& out, context&) { out(n); }
};
struct recoverable : passing {
  int checkpoint() const { return 0; }
  void restore(int) {}
};

bool even(int n) { return n % 2 == 0; }
std::vector<int> copies_of(int n) { return std::vector(static_cast<std::size_t>(n % 4), n); }
std::vector<int> copies_of_all(const std::vector<int>& items) {
  std::vector<int> all;
  for (auto n : items)
    for (auto copy : copies_of(n))
      all.push_back(copy);
  return all;
}
std::vector<int> odd_ones(std::vector<int> items) {
  std::erase_if(items, even);
  return items;
}
std::vector<int> twice(const std::vector<int>& items) {
  auto all = items;
  all.insert(all.end(), items.begin(), items.end());
  return all;
}
/// A function that may have several items in hand.
template <class F>
auto in_hand(F f, weir::stage_options options) {
  using exit = weir::internal::flow_exit<int, typename weir::internal::stage_shape<F>::output>;
  return [f, options](const ports& where) {
    return std::make_unique<weir::internal::runs_stepper<int, exit>>(
        where, std::make_unique<weir::internal::function_runner<F, weir::internal::stage_work<F>>>(
                   f, options));
  };
}
boost::asio::awaitable<int> later(const int& n) {
  co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
  co_return n;
}

/// Every kind of stage there is. An item of 1 leads to one output in all of them (a batch takes three).
const std::vector<kind>& kinds() {
  static const std::vector<kind> all{
      {.name = "function", .make = function([](int n) noexcept { return n; })},
      {.name = "result", .make = function([](int n) { return weir::result<int>{n}; })},
      {.name = "filter",
       .make = function([](int n) { return even(n) ? std::nullopt : std::optional{n}; }),
       .expected = odd_ones},
      {.name = "vector", .make = function(copies_of), .expected = copies_of_all},
      {.name = "emitter",
       .make = function([](int n, emitter<int>& out) {
         for (auto copy : copies_of(n))
           out(copy);
       }),
       .expected = copies_of_all},
      {.name = "stateful", .make = function(passing{})},
      {.name = "recoverable", .make = function(recoverable{})},
      {.name = "workers", .make = function([](int n) { return n; }), .rings_of_leg = {3}},
      {.name = "key_by",
       .make = function([](int n) { return n; }),
       .rings_of_leg = {3},
       .how = weir::internal::spread::by_key},
      {.name = "merge", .make = function([](int n) noexcept { return n; }), .inputs = 3},
      {.name = "batch",
       .make =
           [](const ports& where) {
             return std::make_unique<weir::internal::batch_stepper<int>>(
                 where, weir::batch_options{.size_max = 3, .delay_max = 1h});
           },
       .batches = true},
      {.name = "broadcast",
       .make =
           [](const ports& where) {
             return std::make_unique<weir::internal::router_stepper<int>>(
                 where, weir::internal::router_stepper<int>::choice{});
           },
       .rings_of_leg = {1, 1},
       .expected = twice},
      {.name = "route",
       .make =
           [](const ports& where) {
             return std::make_unique<weir::internal::router_stepper<int>>(
                 where, [](const int& n) -> std::size_t { return even(n) ? 0 : 1; });
           },
       .rings_of_leg = {1, 1}},
      {.name = "awaitable", .make = waiting(later), .waits = true, .options = {.in_flight_max = 2}},
      {.name = "awaitable_relaxed",
       .make = waiting(later),
       .waits = true,
       .options = {.in_flight_max = 3, .order = weir::order::relaxed}},
      {.name = "in_hand",
       .make = in_hand(copies_of, {.in_flight_max = 3}),
       .expected = copies_of_all,
       .options = {.in_flight_max = 3}},
      {.name = "in_hand_of_threads",
       .make = in_hand(copies_of, {.in_flight_max = 2, .item_time_max = 1h}),
       .waits = true,
       .expected = copies_of_all,
       .options = {.in_flight_max = 2, .item_time_max = 1h}},
      {.name = "awaitable_merge",
       .make = waiting(later),
       .inputs = 3,
       .waits = true,
       .options = {.in_flight_max = 2}},
  };
  return all;
}

class ReactiveStreams : public testing::TestWithParam<kind> {};
INSTANTIATE_TEST_SUITE_P(Stage, ReactiveStreams, testing::ValuesIn(kinds()),
                         [](const auto& each) { return each.param.name; });

/// What must hold after every step.
class watch {
public:
  explicit watch(by_hand::stage& one) : one_{one}, sent_at_end_(one.out().size()) {}

  void look() {
    for (std::size_t k = 0; k < one_.out().size(); ++k) {
      auto& ring = one_.out()[k]->ring();
      const auto granted = ring.capacity() + ring.read_index();
      EXPECT_LE(ring.write_index(), granted) << "more was sent than granted";
      if (!ring.closed())
        continue;
      if (!sent_at_end_[k])
        sent_at_end_[k] = ring.write_index();
      EXPECT_EQ(ring.write_index(), *sent_at_end_[k]) << "something came after the end";
    }
    for (const auto& ring : one_.in())
      EXPECT_LE(ring->size(), ring->capacity());
  }

private:
  by_hand::stage& one_;
  std::vector<std::optional<std::size_t>> sent_at_end_;
};

// RS-1.1, RS-1.7, RS-4.1
TEST_P(ReactiveStreams, NoStageSendsMoreThanItsCreditOrAnythingAfterItsEndWhateverTheSchedule) {
  for (const std::size_t capacity : {1U, 2U, 3U, 7U})
    for (unsigned seed = 0; seed < 25; ++seed) {
      SCOPED_TRACE("capacity " + std::to_string(capacity) + ", seed " + std::to_string(seed));
      std::mt19937 random{seed};
      by_hand::stage one{GetParam(), capacity};
      watch sees{one};
      std::vector<int> given;
      std::vector<int> got;
      const std::size_t count = 60;
      const auto closes = [&] {
        if (given.size() == count)
          for (const auto& ring : one.in())
            ring->close();
      };
      for (std::size_t steps = 0; !one.finished() && steps < 100'000; ++steps) {
        switch (random() % 5) {
        case 0:
          if (given.size() < count
              && one.push(static_cast<int>(given.size()), random() % one.in().size())) {
            given.push_back(static_cast<int>(given.size()));
            closes();
          }
          break;
        case 1: {
          auto& from = *one.out()[random() % one.out().size()];
          const auto some = from.take(1 + random() % capacity, one.books());
          got.insert(got.end(), some.begin(), some.end());
          break;
        }
        case 2:
          one.go_on();
          break;
        default:
          one.turn_if_woken();
        }
        sees.look();
      }
      ASSERT_TRUE(one.finished()) << "a wake-up was lost";
      for (auto& from : one.out()) {
        const auto rest = from->take(1000, one.books());
        got.insert(got.end(), rest.begin(), rest.end());
        EXPECT_TRUE(from->ring().drained());
      }
      auto expected = GetParam().expected(given);
      std::ranges::sort(expected);
      std::ranges::sort(got);
      ASSERT_EQ(got, expected);
      const auto ledger = one.books().totals();
      EXPECT_EQ(ledger.admitted, count);
      EXPECT_EQ(ledger.in_flight, 0U);
      EXPECT_TRUE(ledger.balanced()) << to_string(ledger);
      EXPECT_FALSE(one.books().settled_twice());
      EXPECT_FALSE(one.failed());
    }
}

// RS-1.5, RS-2.9
TEST_P(ReactiveStreams, EveryStageEndsWithoutCredit) {
  by_hand::stage one{GetParam(), 2};
  auto& first = one.out()[1 % one.out().size()]->ring(); // where ones go, if there is a choice
  for (int k = 0; k < 100 && first.size() < first.capacity(); ++k) {
    one.push(1);
    one.settle();
  }
  ASSERT_EQ(first.size(), first.capacity()) << "no credit is left";
  ASSERT_EQ(one.in()[0]->size(), 0U) << "nor anything that would need some";
  for (const auto& ring : one.in())
    ring->close();
  one.settle();
  EXPECT_TRUE(one.finished());
  for (auto& from : one.out())
    EXPECT_TRUE(from->ring().closed());
}

// RS-1.5
TEST_P(ReactiveStreams, EveryStageHandsOnTheEndOfAnEmptyStreamAtOnce) {
  by_hand::stage one{GetParam(), 1};
  one.settle();
  EXPECT_FALSE(one.finished());
  for (const auto& ring : one.in())
    ring->close();
  one.settle();
  EXPECT_TRUE(one.finished());
  for (auto& from : one.out()) {
    EXPECT_TRUE(from->ring().drained());
    EXPECT_EQ(from->ring().write_index(), 0U);
  }
}

// RS-1.2, RS-4.1: credit that was granted long ago is still good for the next item.
TEST_P(ReactiveStreams, EveryStageGoesOnOneItemAtATimeForAsLongAsOneIsTaken) {
  by_hand::stage one{GetParam(), 1};
  const int rounds = 600;
  std::size_t got = 0;
  for (int k = 0; k < rounds; ++k) {
    ASSERT_TRUE(one.push(1, static_cast<std::size_t>(k) % one.in().size())) << "round " << k;
    one.settle();
    for (auto& from : one.out())
      got += from->take(1, one.books()).size();
    one.settle();
  }
  EXPECT_EQ(got, GetParam().expected(std::vector(static_cast<std::size_t>(rounds), 1)).size());
}

// RS-2.3: the end calls nothing upstream.
TEST_P(ReactiveStreams, NoStageGrantsAnythingAfterTheEndOfItsInput) {
  by_hand::stage one{GetParam(), 4};
  for (const auto& ring : one.in()) {
    ring->announce_producer_waiting(); // would be woken by any grant, and by a cancel
    ring->close();
  }
  one.settle();
  EXPECT_TRUE(one.finished());
  EXPECT_EQ(one.upstream().woken, 0);
  for (const auto& ring : one.in())
    EXPECT_FALSE(ring->cancelled());
}

// RS-2.2, RS-3.4: who is handed something only gets to know.
TEST_P(ReactiveStreams, AnItemOrAGrantRunsNothingOfTheOtherSide) {
  by_hand::stage one{GetParam(), 1};
  one.settle();
  const auto woken_before = one.is_woken();
  one.push(1);
  EXPECT_TRUE(one.is_woken() || woken_before);
  for (auto& from : one.out())
    EXPECT_EQ(from->ring().write_index(), 0U) << "it ran inside of the push";

  // A grant, to a stage that has no room for more.
  one.settle();
  bool stands = false;
  for (int n = 2; n < 50 && !stands; ++n) {
    stands = !one.push(n);
    one.settle();
  }
  const auto moved = [&one] {
    std::vector<std::size_t> all;
    for (const auto& ring : one.in())
      all.push_back(ring->read_index());
    for (const auto& from : one.out())
      all.push_back(from->ring().write_index());
    return all;
  };
  const auto before = moved();
  for (auto& from : one.out())
    from->take(1, one.books());
  EXPECT_EQ(moved(), before) << "it ran inside of the grant";
  if (stands) {
    EXPECT_TRUE(one.is_woken());
    one.settle();
    EXPECT_NE(moved(), before) << "it had something to do";
  }
}

// RS-3.2's neighbour, PK-H1: who never runs dry starves none of the others.
TEST_P(ReactiveStreams, EveryInputOfAStageGetsItsTurnsWhileAnotherIsNeverEmpty) {
  by_hand::stage one{GetParam(), 4};
  for (std::size_t quiet = 1; quiet < one.in().size(); ++quiet) {
    while (one.push(1))
      ;
    one.push(1, quiet);
    for (int turns = 0; turns < 20 && one.in()[quiet]->size() > 0; ++turns) {
      one.turn();
      one.wait_until_quiet();
      for (auto& from : one.out())
        from->take(100, one.books());
      while (one.push(1))
        ;
    }
    EXPECT_EQ(one.in()[quiet]->size(), 0U) << "input " << quiet;
  }
}

// --- the signals of a ring ---------------------------------------------------------------------------

// RS-3.5, RS-3.6, RS-3.7
TEST(ReactiveStreamsOfARing, ASecondCancelAndAGrantAfterACancelChangeNothing) {
  weir::internal::ring<int> ring{4};
  counting_waker producer;
  counting_waker consumer;
  ring.set_producer(&producer);
  ring.set_consumer(&consumer);
  for (int n = 0; n < 4; ++n)
    EXPECT_FALSE(ring.try_push(n));
  ring.cancel();
  ring.cancel();
  EXPECT_TRUE(ring.cancelled());
  EXPECT_EQ(ring.size(), 4U) << "what is there stays";
  ring.release(2);
  EXPECT_EQ(ring.try_push(7), 7) << "what comes later is handed back, credit or not";
  EXPECT_EQ(ring.write_index(), 4U);
  EXPECT_FALSE(ring.closed());
  ring.close();
  ring.close();
  EXPECT_FALSE(ring.drained());
  EXPECT_EQ(ring.try_pop(), 2);
  EXPECT_EQ(ring.try_pop(), 3);
  EXPECT_TRUE(ring.drained());
}

// RS-2.1: what was not granted can't be sent.
TEST(ReactiveStreamsOfARing, WhoHasNoCreditCanHandOverNothing) {
  weir::internal::ring<int> ring{1};
  EXPECT_FALSE(ring.try_push(1));
  for (int k = 0; k < 10; ++k)
    EXPECT_EQ(ring.try_push(2), 2);
  EXPECT_EQ(ring.credit(1), 0U);
  ring.release(1);
  EXPECT_FALSE(ring.try_push(2));
}

// --- whole pipelines ---------------------------------------------------------------------------------

/// How far apart the frames of the calls of one thread lie, over all threads.
class stack_depth {
public:
  void note() const {
    // Not the address of a local: a sanitizer keeps those elsewhere.
    const auto address = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    thread_local std::uintptr_t lowest = address;
    thread_local std::uintptr_t highest = address;
    lowest = std::min(lowest, address);
    highest = std::max(highest, address);
    auto most = most_->load();
    while (highest - lowest > most && !most_->compare_exchange_weak(most, highest - lowest))
      ;
  }
  std::uintptr_t bytes() const { return *most_; }

private:
  std::shared_ptr<std::atomic<std::uintptr_t>> most_ =
      std::make_shared<std::atomic<std::uintptr_t>>(0);
};

// RS-3.2, RS-3.3: each of four mailboxes of one item grants 250,000 times, from inside of the calls.
TEST(ReactiveStreamsOfAPipeline, AMillionGrantsDoNotDeepenTheStack) {
  constexpr std::size_t count = 250'000;
  stack_depth depth;
  std::atomic<std::size_t> came = 0;
  weir::pipeline p{"chain"};
  const auto deep = [depth](int n) noexcept {
    depth.note();
    return n;
  };
  p.from("numbers", numbers(count))
      .via("one", deep, {.mailbox_capacity = 1})
      .via("two", deep, {.mailbox_capacity = 1})
      .via("three", deep, {.mailbox_capacity = 1})
      .to("sink",
          [depth, &came](const int&) noexcept {
            depth.note();
            ++came;
          },
          {.mailbox_capacity = 1});
  running_on_threads r{std::move(p), {.threads = 1}};
  ASSERT_EQ(r->wait_until(weir::clock::now() + 2 * patience), state::finished);
  EXPECT_EQ(came, count);
  EXPECT_LT(depth.bytes(), 16U * 1024);
}

// RS-1.3, RS-2.7
TEST(ReactiveStreamsOfAPipeline, AWorkerIsNeverCalledTwiceAtOnceHoweverManyFillItsMailbox) {
  struct serial {
    using input = int;
    using output = int;
    std::shared_ptr<std::atomic<int>> overlaps;
    bool inside = false; // not safe for threads, and need not be
    int calls = 0;
    void on_item(const int& n, emitter<int>& out, context&) {
      if (std::exchange(inside, true))
        ++*overlaps;
      ++calls;
      out(n);
      inside = false;
    }
    void on_drain(emitter<int>& out, context&) { out(-calls); }
  };
  const auto overlaps = std::make_shared<std::atomic<int>>(0);
  collected<int> out;
  weir::dead_letters::memory letters;
  weir::pipeline p{"fan-in"};
  p.merge(p.from("one", numbers(2000), {.execution = weir::execution::own_thread}),
          p.from("two", numbers(2000))
              .via("busy", [](int n) noexcept { return n; }, {.workers = 3, .mailbox_capacity = 8}),
          p.from("three", numbers(2000), {.execution = weir::execution::own_thread}))
      .via("serial", serial{overlaps}, {.mailbox_capacity = 16})
      .to("sink", out.sink(), {.mailbox_capacity = 8});
  p.dead_letters_to(letters);
  run_on_threads(std::move(p));
  EXPECT_EQ(*overlaps, 0);
  EXPECT_EQ(out.items().back(), -6000);
}

// RS-1.4, RS-2.10, RS-4.2
TEST(ReactiveStreamsOfAPipeline, AFailureThatIsGivenUpEndsEveryLegAlsoTheOneWithoutCredit) {
  const auto slow = sink_probe<int>::on_request();
  const auto fails = sink_probe<int>::on_request();
  weir::dead_letters::memory letters;
  weir::pipeline p{"legs", restarting(0)};
  auto [stuck, failing] = p.from("numbers", numbers(100)).broadcast<2>("both");
  std::move(stuck)
      .via("pass", [](int n) noexcept { return n; }, {.mailbox_capacity = 1})
      .to("slow", slow, {.mailbox_capacity = 1});
  std::move(failing).to("fails", fails, {.retry = at_once(1)});
  p.dead_letters_to(letters);
  running r{std::move(p)};
  EXPECT_EQ(r.stage("slow").backlog, 1U);
  EXPECT_EQ(r.stage("pass").backlog, 1U);
  EXPECT_EQ(r.stage("fails").backlog, 3U) << "the other leg has no credit";
  fails.request(1);
  r.settle();
  EXPECT_EQ(fails.items().size(), 1U);
  EXPECT_TRUE(r->why().chain.empty());
  fails.raise(1);
  fails.raise(2); // two in a row: more than the supervisor tolerates
  fails.request(100);
  r.pass(1s);
  EXPECT_FALSE(r->why().chain.empty());
  slow.request(100);
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(slow.items().size(), 0U) << "nothing is begun after the failure";
}

// RS-3.12, RS-3.15, RS-3.16: the cancel of a whole pipeline, from any thread and more than once.
TEST(ReactiveStreamsOfAPipeline, AnAbortFromSeveralThreadsStopsItOnce) {
  for (int round = 0; round < 50; ++round) {
    collected<int> out;
    weir::pipeline p{"stream"};
    p.from("numbers", numbers(SIZE_MAX))
        .via("one", [](int n) noexcept { return n; }, {.mailbox_capacity = 4})
        .to("sink", out.sink(), {.mailbox_capacity = 4});
    running_on_threads r{std::move(p)};
    {
      std::vector<std::jthread> threads;
      for (int k = 0; k < 3; ++k)
        threads.emplace_back([&r] { r->abort(); });
    }
    ASSERT_EQ(r.ended(), state::failed);
    ASSERT_EQ(r->why().message(), "aborted");
    ASSERT_EQ(out.items(), up_to(out.size()));
    ASSERT_EQ(r.ledger().acknowledged, out.size());
  }
}

} // namespace
