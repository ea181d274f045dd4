#include "../threads.hpp"

#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>

namespace {

using namespace weir_test;
using state = weir::running_pipeline::state;
using weir::dead_letter;
using weir::result;

/// A store whose `put` is written in the test.
struct scripted_store final : weir::dead_letter_store {
  std::function<result<void>(std::span<const dead_letter>)> puts;
  std::function<result<void>()> opens = [] { return result<void>{}; };

  result<void> open() override { return opens(); }
  result<void> put(std::span<const dead_letter> letters) override { return puts(letters); }
};

/// Every item becomes a dead letter.
result<void> refuse(const int&) { return weir::poison("refused"); }

result<void> never(std::span<const dead_letter>) { return weir::transient("no disk at all"); }

/// What happens between a stage that has something to dead-letter and the store that shall keep it.
class DeadLettering : public testing::Test {
protected:
  /// `count` items that all must be dead-lettered, in mailboxes of ten.
  template <class Store>
  weir::pipeline refusing(std::size_t count, Store store) {
    weir::pipeline p{"dead_lettering", restarting()};
    p.from("numbers", numbers(count)).to("sink", refuse, {.mailbox_capacity = 10});
    p.dead_letters_to(std::move(store));
    return p;
  }
  static std::shared_ptr<weir::dead_letter_store>
  store(std::function<result<void>(std::span<const dead_letter>)> puts) {
    auto made = std::make_shared<scripted_store>();
    made->puts = std::move(puts);
    return made;
  }
  static bool full(running& r) { return !r->snapshot().dead_letters_trouble.empty(); }

  collected<std::string> stored_;
};

TEST_F(DeadLettering, AFullStoreBlocksTheStageAndNothingIsDropped) {
  weir::dead_letters::memory letters{300};
  running r{refusing(1000, letters)};
  r.pass(1h);
  // Room for 300 in the store, for 256 on the way, and for what the worker has in hand.
  EXPECT_EQ(r->snapshot().dead_letters_trouble,
            "the dead letters in memory are full (capacity 300)");
  EXPECT_EQ(r->snapshot().dead_letters_waiting, weir::runtime_options{}.letters_waiting_max);
  EXPECT_EQ(r.ledger().dead_lettered, 300U);
  EXPECT_LE(r.ledger().admitted, 300U + 256U + 10U + 10U);
  EXPECT_EQ(r.ledger().dead_lettered, letters.letters().size());
  EXPECT_TRUE(r.ledger().balanced());

  std::size_t cleared = 0;
  while (full(r)) {
    ASSERT_LE(cleared, 1000U);
    cleared += letters.letters().size();
    letters.clear();
    r.pass(1min); // it is asked again after a while
  }
  r.finishes();
  EXPECT_EQ(cleared + letters.letters().size(), 1000U);
  EXPECT_EQ(r.ledger().dead_lettered, 1000U);
}

TEST_F(DeadLettering, NoMoreLettersWaitThanTheNodeAllows) {
  node here{{.letters_waiting_max = 3}};
  auto& r = here.run(refusing(100, store(never)));
  here.pass(1h);
  EXPECT_FALSE(r.snapshot().dead_letters_trouble.empty());
  EXPECT_EQ(counts_of(r, "sink").dead_lettered, 4U) << "the sink has one more to hand over";
  EXPECT_EQ(r.snapshot().dead_letters_waiting, 3U);
  r.abort();
  EXPECT_EQ(here.finish(r), state::failed);
}

TEST_F(DeadLettering, AStoreThatIsFullIsFilledToItsBrim) {
  weir::dead_letters::memory letters{3};
  running r{refusing(10, letters)};
  r.pass(1h);
  EXPECT_TRUE(full(r));
  EXPECT_EQ(letters.letters().size(), 3U);
  r->abort();
  r.ended();
}

TEST_F(DeadLettering, AStoreSmallerThanWhatWaitsIsFilledAgainWheneverItIsCleared) {
  weir::dead_letters::memory letters{2};
  running r{refusing(7, letters)};
  std::vector<std::string> seen;
  const auto read = [&] {
    for (const auto& one : letters.letters())
      seen.push_back(one.payload);
  };
  for (std::size_t stored = 2; full(r); stored += 2) {
    ASSERT_EQ(r.ledger().dead_lettered, stored);
    read();
    EXPECT_TRUE(letters.purge({}, {"a person"}));
    r.pass(1min);
  }
  r.finishes();
  read();
  EXPECT_EQ(r.ledger().dead_lettered, 7U);
  EXPECT_EQ(seen, (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6"}));
}

TEST_F(DeadLettering, AStoreThatFailsForAWhileIsAskedAgain) {
  bool works = false;
  bool throws = false;
  running r{refusing(5, store([&](auto letters) -> result<void> {
                       if (throws)
                         throw std::runtime_error{"disk gone"};
                       if (!works)
                         return weir::transient("disk full");
                       for (const auto& one : letters)
                         stored_.add(one.payload);
                       return {};
                     }))};
  EXPECT_EQ(r->snapshot().dead_letters_trouble, "disk full");
  throws = true;
  r.pass(1min);
  EXPECT_EQ(r->snapshot().dead_letters_trouble, "disk gone");
  throws = false;
  r.pass(1min);
  EXPECT_EQ(r->snapshot().dead_letters_trouble, "disk full");
  EXPECT_EQ(r.ledger().dead_lettered, 0U) << "settled only once stored";
  works = true;
  r.finishes();
  EXPECT_EQ(stored_.items(), (std::vector<std::string>{"0", "1", "2", "3", "4"}));
  EXPECT_EQ(r.ledger().dead_lettered, 5U);
  EXPECT_EQ(r->snapshot().dead_letters_trouble, "") << "forgotten once it works";
}

TEST_F(DeadLettering, EveryThrownThingIsSurvivedByTheDeadLetterActor) {
  int calls = 0;
  running r{refusing(1, store([&](auto letters) -> result<void> {
                       if (++calls == 1)
                         throw 42;
                       if (calls == 2)
                         throw std::bad_alloc{};
                       stored_.add(letters.front().payload);
                       return {};
                     }))};
  r.finishes();
  EXPECT_EQ(stored_.size(), 1U);
}

// A store holds up whoever calls it, which takes a thread.
TEST_F(DeadLettering, TheEndWaitsForTheStore) {
  gate held;
  running_on_threads r{refusing(3, store([&](auto) -> result<void> {
                                  held.pass();
                                  return {};
                                }))};
  EXPECT_TRUE(held.wait_for(1));
  EXPECT_TRUE(eventually([&] { return r.ledger().in_flight == 3; }));
  EXPECT_EQ(r->wait_until(weir::clock::now()), std::nullopt);
  held.open();
  r.finishes();
}

TEST_F(DeadLettering, AStoreThatNeverWorksDoesNotHoldUpAnAbort) {
  running r{refusing(1000, store(never))};
  EXPECT_TRUE(full(r));
  r->abort();
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(r.ledger().settled(), 0U);
}

TEST_F(DeadLettering, AStoreThatNeverWorksDoesNotHoldUpAnAbortAfterTheEndOfTheStream) {
  running r{refusing(3, store(never))};
  r.pass(1h);
  // All workers are done; only the letters are still on their way.
  EXPECT_TRUE(full(r));
  EXPECT_EQ(r->snapshot().dead_letters_waiting, 3U);
  EXPECT_EQ(r.stage("sink").backlog, 0U);
  EXPECT_EQ(r->wait_until(weir::clock::now() + 1h), std::nullopt);
  r->abort();
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(r.ledger().in_flight, 3U);
}

TEST_F(DeadLettering, AStoreThatNeverWorksDoesNotHoldUpTheDestructor) {
  for (std::size_t count : {3U, 1000U}) {
    running r{refusing(count, store(never))};
    EXPECT_TRUE(full(r));
  }
}

TEST_F(DeadLettering, AStoreThatCantBeOpenedKeepsThePipelineFromStarting) {
  for (const bool throws : {false, true}) {
    auto closed = std::make_shared<scripted_store>();
    closed->opens = [throws]() -> result<void> {
      if (throws)
        throw std::runtime_error{"permission denied"};
      return weir::fatal("permission denied");
    };
    node here;
    weir::running_pipeline r{refusing(3, std::shared_ptr<weir::dead_letter_store>{closed}),
                             here.runtime()};
    const auto started = r.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().message(), "the dead letters can't be kept ← permission denied");
  }
}

TEST_F(DeadLettering, WhoeverIsToldOfTheEndMayTakeASnapshot) {
  node here;
  std::optional<weir::running_pipeline> r;
  std::size_t waiting = 99;
  r.emplace(refusing(3, weir::dead_letters::memory{}), here.runtime(),
            weir::internal::pipeline_observer{
                .ended = [&] { waiting = r->snapshot().dead_letters_waiting; }});
  ASSERT_TRUE(r->start());
  EXPECT_EQ(here.finish(*r), state::finished);
  EXPECT_EQ(waiting, 0U);
}

TEST_F(DeadLettering, StoresNothingTwiceAndInOrder) {
  // Letters are offered again only if the store refused all of them.
  std::vector<std::string> attempts;
  int calls = 0;
  running r{refusing(300, store([&](auto letters) -> result<void> {
                       if (++calls % 2 == 1 && calls < 6)
                         return weir::transient("busy");
                       for (const auto& one : letters)
                         attempts.push_back(one.payload);
                       return {};
                     }))};
  r.finishes();
  std::vector<std::string> expected;
  for (auto n : up_to(300))
    expected.push_back(std::to_string(n));
  EXPECT_EQ(attempts, expected);
}

} // namespace
