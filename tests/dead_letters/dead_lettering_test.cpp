#include "../probes.hpp"

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include <gmock/gmock.h>

namespace {

using namespace probes;
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
  // Room for 300 in the store, for 256 on the way, and for what the worker has in hand.
  // What is stored is settled a moment later.
  EXPECT_TRUE(eventually([&] {
    return full(r)
           && r->snapshot().dead_letters_waiting == weir::runtime_options{}.letters_waiting_max
           && r.ledger().dead_lettered == 300;
  }));
  EXPECT_EQ(r->snapshot().dead_letters_trouble,
            "the dead letters in memory are full (capacity 300)");
  EXPECT_LE(r.ledger().admitted, 300U + 256U + 10U + 10U);
  EXPECT_EQ(r.ledger().dead_lettered, letters.letters().size());
  EXPECT_TRUE(r.ledger().balanced());

  std::size_t cleared = 0;
  EXPECT_TRUE(eventually([&] {
    if (full(r)) {
      cleared += letters.letters().size();
      letters.clear();
    }
    return r.ledger().dead_lettered == 1000;
  }));
  r.finishes();
  EXPECT_LE(cleared + letters.letters().size(), 1000U);
}

TEST_F(DeadLettering, NoMoreLettersWaitThanTheNodeAllows) {
  running r{refusing(100, store(never)), {.threads = 2, .letters_waiting_max = 3}};
  // The sink has one more to hand over.
  EXPECT_TRUE(eventually([&] { return full(r) && r.stage("sink").dead_lettered == 4; }));
  EXPECT_EQ(r->snapshot().dead_letters_waiting, 3U);
  r->abort();
  r.ended();
}

TEST_F(DeadLettering, AStoreThatIsFullIsFilledToItsBrim) {
  weir::dead_letters::memory letters{3};
  running r{refusing(10, letters)};
  EXPECT_TRUE(eventually([&] { return full(r) && letters.letters().size() == 3; }));
  r->abort();
  r.ended();
}

TEST_F(DeadLettering, AStoreSmallerThanWhatWaitsIsFilledAgainWheneverItIsCleared) {
  weir::dead_letters::memory letters{2};
  running r{refusing(7, letters)};
  std::vector<std::string> seen;
  EXPECT_TRUE(eventually([&] {
    if (full(r)) {
      std::vector<std::uint64_t> ids; // and no more than these: others may be on their way
      for (const auto& one : letters.letters()) {
        seen.push_back(one.payload);
        ids.push_back(one.id);
      }
      if (!ids.empty()) {
        EXPECT_TRUE(letters.purge({.ids = ids}, {"a person"}));
      }
    }
    return r.ledger().dead_lettered == 7;
  }));
  r.finishes();
  for (const auto& one : letters.letters())
    seen.push_back(one.payload);
  EXPECT_EQ(seen, (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6"}));
}

TEST_F(DeadLettering, AStoreThatFailsForAWhileIsAskedAgain) {
  std::atomic<bool> works = false;
  int calls = 0;
  running r{refusing(5, store([&](auto letters) -> result<void> {
                       if (!works && ++calls % 2 == 1)
                         return weir::transient("disk full");
                       if (!works)
                         throw std::runtime_error{"disk gone"};
                       for (const auto& one : letters)
                         stored_.add(one.payload);
                       return {};
                     }))};
  EXPECT_TRUE(eventually([&] { return r->snapshot().dead_letters_trouble == "disk full"; }));
  EXPECT_TRUE(eventually([&] { return r->snapshot().dead_letters_trouble == "disk gone"; }));
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

TEST_F(DeadLettering, TheEndWaitsForTheStore) {
  gate held;
  running r{refusing(3, store([&](auto) -> result<void> {
                       held.pass();
                       return {};
                     }))};
  EXPECT_TRUE(held.wait_for(1));
  EXPECT_TRUE(eventually([&] { return r.ledger().in_flight == 3; }));
  EXPECT_EQ(r->wait_until(std::chrono::steady_clock::now()), std::nullopt);
  held.open();
  r.finishes();
}

TEST_F(DeadLettering, AStoreThatNeverWorksDoesNotHoldUpAnAbort) {
  running r{refusing(1000, store(never))};
  EXPECT_TRUE(eventually([&] { return full(r); }));
  r->abort();
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(r.ledger().settled(), 0U);
}

TEST_F(DeadLettering, AStoreThatNeverWorksDoesNotHoldUpAnAbortAfterTheEndOfTheStream) {
  // All workers are done; only the letters are still on their way.
  running r{refusing(3, store(never))};
  EXPECT_TRUE(eventually([&] {
    return full(r) && r->snapshot().dead_letters_waiting == 3 && r.stage("sink").idle > 0;
  }));
  EXPECT_EQ(r->wait_until(std::chrono::steady_clock::now() + 20ms), std::nullopt);
  r->abort();
  EXPECT_EQ(r.ended(), state::failed);
  EXPECT_EQ(r.ledger().in_flight, 3U);
}

TEST_F(DeadLettering, AStoreThatNeverWorksDoesNotHoldUpTheDestructor) {
  for (std::size_t count : {3U, 1000U}) {
    running r{refusing(count, store(never))};
    EXPECT_TRUE(eventually([&] { return full(r); }));
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
    weir::runtime node;
    weir::running_pipeline r{refusing(3, std::shared_ptr<weir::dead_letter_store>{closed}), node};
    const auto started = r.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().message(), "the dead letters can't be kept ← permission denied");
  }
}

TEST_F(DeadLettering, WhoeverIsToldOfTheEndMayTakeASnapshot) {
  weir::runtime node{{.threads = 2}};
  std::optional<weir::running_pipeline> r;
  std::atomic<std::size_t> waiting = 99;
  r.emplace(refusing(3, weir::dead_letters::memory{}), node, weir::pipeline_observer{.ended = [&] {
              waiting = r->snapshot().dead_letters_waiting;
            }});
  ASSERT_TRUE(r->start());
  EXPECT_EQ(r->wait_until(std::chrono::steady_clock::now() + patience), state::finished);
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
