#include "../dead_letters/troubled_queue.hpp"
#include "../running.hpp"

#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/partition.hpp>
#include <weir/mailbox/ring.hpp>
#include <weir/stages/hand.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>
#include <utility>

/// What is left in order when there is no memory: the next allocation of a given size fails.
namespace {

std::atomic<std::size_t> fails_next = 0; // bytes

constexpr std::size_t shares_size = 64 * 5; // of a block of a partition: see partition::shares

} // namespace

// Not inlined, or the compiler sees free() of what came from new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  auto wanted = size;
  if (size != 0 && fails_next.compare_exchange_strong(wanted, 0))
    throw std::bad_alloc{};
  if (auto* made = std::malloc(size != 0 ? size : 1); made != nullptr)
    return made;
  throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* what) noexcept { std::free(what); }
[[gnu::noinline]] void operator delete(void* what, std::size_t) noexcept { std::free(what); }
// Those that don't throw, and those of arrays, too: a sanitizer's do not come here.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(size != 0 ? size : 1);
}
[[gnu::noinline]] void operator delete(void* what, const std::nothrow_t&) noexcept {
  std::free(what);
}
[[gnu::noinline]] void* operator new[](std::size_t size) { return operator new(size); }
[[gnu::noinline]] void operator delete[](void* what) noexcept { std::free(what); }
[[gnu::noinline]] void operator delete[](void* what, std::size_t) noexcept { std::free(what); }

namespace {

using namespace weir_test;

class OutOfMemory : public testing::Test {
protected:
  ~OutOfMemory() override { fails_next = 0; }
};

TEST_F(OutOfMemory, ALaneGoesOnWhereItHadNoneForACopy) {
  weir::internal::partition partition{{.from = {.partition = "l"}}};
  partition.admit(1, 1);
  fails_next = shares_size;
  EXPECT_THROW(partition.share(1, 1), std::bad_alloc);
  partition.share(1, 1);
  EXPECT_EQ(partition.prefix_with({}), 0U);
}

TEST_F(OutOfMemory, ABatchThatCouldNotBeTakenApartIsWhole) {
  weir::internal::acknowledgement books;
  auto& partition = books.partition_at(books.add_partition("l", 0));
  partition.admit(1, 100);
  books.admitted(100);
  const auto batch = books.group({{0, 1}, {0, 2}, {0, 100}}); // two blocks
  books.share(batch, 1);
  books.share({0, 3}, 1); // the first block has shares
  fails_next = shares_size;
  EXPECT_THROW((void)books.take_apart(batch), std::bad_alloc);
  books.settle(batch, weir::outcome::acknowledged);
  EXPECT_EQ(books.totals().acknowledged, 0U);
  for (const auto one : books.take_apart(batch))
    books.settle(one, weir::outcome::acknowledged);
  EXPECT_EQ(books.totals().acknowledged, 3U);
  EXPECT_FALSE(books.settled_twice());
}

TEST_F(OutOfMemory, ARingThatCouldNotBeMadeLeavesNothingBehind) {
  // The leak sanitizer is who sees it; clang-tidy takes this for a ring that was made.
  constexpr std::size_t capacity = 1 << 12;
  fails_next = capacity * sizeof(weir::internal::origin);
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks)
  EXPECT_THROW(weir::internal::ring<char>{capacity}, std::bad_alloc);
}

/// An item whose payload is as long as nothing else is.
struct heavy {};
constexpr std::size_t heavy_size = 1'234'567;
std::string weir_payload(const heavy&) {
  std::string text(heavy_size, 'x');
  fails_next = heavy_size + 1; // the next copy
  return text;
}

TEST_F(OutOfMemory, ALetterThatCouldNotBeCopiedIsStoredLater) {
  weir::dead_letters::memory letters;
  weir::pipeline p{"heavy", restarting()};
  p.from("source", counted{1, [](std::size_t) { return heavy{}; }})
      .to("sink", [](const heavy&) -> weir::result<void> { return weir::poison("too heavy"); });
  p.dead_letters_to(letters);
  running r{std::move(p)};
  r.finishes();
  ASSERT_EQ(letters.letters().size(), 1U);
  EXPECT_EQ(letters.letters().front().payload.size(), heavy_size);
}

/// Rejects a row of the first batch, and there is no memory for its letter.
struct rejecting_sink {
  using input = weir::batch<int>;
  collected<std::size_t> stored;

  weir::result<weir::batch_outcome> on_batch(const input& all, weir::context&) {
    stored.add(all.items.size());
    if (all.items.front() != 0)
      return weir::batch_outcome{};
    if (stored.size() == 1)
      fails_next = sizeof(weir::internal::outgoing_letter);
    return weir::batch_outcome{.filtered = {0}, .rejected = {{2, weir::poison("two")}}};
  }
};

TEST_F(OutOfMemory, ABatchWhoseLetterCouldNotBeMadeIsStoredAgain) {
  weir::dead_letters::memory letters;
  collected<std::size_t> stored;
  weir::pipeline p{"rows", restarting()};
  p.from("numbers", numbers(10))
      .batch("batch", {.size_max = 5, .delay_max = 1h})
      .to("sink", rejecting_sink{.stored = stored});
  p.dead_letters_to(letters);
  running r{std::move(p)};
  r.finishes();
  EXPECT_EQ(stored.items(), (std::vector<std::size_t>{5, 5, 5})) << "the first one twice";
  EXPECT_EQ(r.stage("sink").dead_lettered, 1U);
  ASSERT_EQ(letters.letters().size(), 1U);
  EXPECT_EQ(letters.letters().front().payload, "2");
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{
                            .admitted = 10, .acknowledged = 8, .filtered = 1, .dead_lettered = 1}));
}

/// Says at length why it can't keep anything, and then there is no memory for saying so.
struct verbose_store final : weir::dead_letter_store {
  weir::result<void> open() override { return {}; }
  weir::result<void> put(std::span<const weir::dead_letter>) override {
    constexpr std::size_t length = 3'333;
    auto why = weir::transient(std::string(length, 'y'));
    fails_next = length + 1;
    return why;
  }
};

TEST_F(OutOfMemory, APipelineWhoseDeadLetterActorCrashesGivesUp) {
  weir::pipeline p{"verbose", restarting()};
  p.from("numbers", numbers(20)).to("sink", [](int n) -> weir::result<void> {
    return n == 3 ? weir::poison("three") : weir::result<void>{};
  });
  p.dead_letters_to(std::make_shared<verbose_store>());
  running r{std::move(p)};
  EXPECT_EQ(r.ended(), weir::running_pipeline::state::failed);
  EXPECT_EQ(r->why().message(),
            "pipeline 'verbose' ← dead-letter actor ← out of memory (std::bad_alloc)");
  EXPECT_EQ(r.ledger().dead_lettered, 0U);
}

TEST_F(OutOfMemory, APipelineWhoseReplayActorCrashesGivesUp) {
  const auto queue = std::make_shared<troubled_queue>(weir::dead_letters::memory{});
  const source_probe<int> source;
  weir::pipeline p{"verbose", restarting()};
  p.from("numbers", source)
      .hold_key([](int) { return std::string{"all"}; }, {.held_max = 1})
      .to("sink", [](const int&) -> weir::result<void> { return weir::poison("closed"); });
  p.dead_letters_to(queue);
  running r{std::move(p)};
  queue->trouble = [](std::string_view) -> weir::result<void> { // and no memory for saying so
    constexpr std::size_t length = 3'333;
    auto why = weir::transient(std::string(length, 'y'));
    fails_next = length + 1;
    return why;
  };
  source.push(1, 2); // the second one waits until the first is replayed or purged
  source.complete();
  EXPECT_EQ(r.ended(), weir::running_pipeline::state::failed);
  EXPECT_EQ(r->why().message(),
            "pipeline 'verbose' ← replay actor ← out of memory (std::bad_alloc)");
}

/// Its partition has a name as long as nothing else is.
struct far_away : source_probe<int> {
  static constexpr std::size_t length = 2'222;
  static std::string partition() { return std::string(length, 'l'); }
};

TEST_F(OutOfMemory, APipelineThatCantTellWhichLetterFailedAgainGivesUp) {
  const far_away source;
  weir::dead_letters::memory letters;
  int runs = 0;
  weir::pipeline p{"far", restarting()};
  p.from("numbers", source).to("sink", [&runs](const int&) -> weir::result<void> {
    if (++runs == 2)
      fails_next = far_away::length + 1; // of the letter, where it says what it is of
    return weir::poison("closed");
  });
  p.dead_letters_to(letters);
  running r{std::move(p)};
  source.push(1);
  r.pass(1s);
  ASSERT_EQ(letters.letters().size(), 1U);
  EXPECT_TRUE(r->replay());
  EXPECT_EQ(r.ended(), weir::running_pipeline::state::failed);
  EXPECT_EQ(r->why().message(), "pipeline 'far' ← worker 'sink' ← out of memory (std::bad_alloc)");
  EXPECT_EQ(letters.letters().size(), 1U);
}

TEST_F(OutOfMemory, ABatchOfBatchesIsRecordedWithoutAny) {
  weir::internal::acknowledgement books;
  auto& partition = books.partition_at(books.add_partition("l", 0));
  partition.admit(1, 3);
  books.admitted(3);
  const auto batch = books.group({books.group({{0, 1}, {0, 2}}), {0, 3}});
  weir::internal::flight_slot slot;
  weir::internal::hand hand{&slot};
  fails_next = sizeof(weir::internal::origin);
  hand.take(batch);
  EXPECT_EQ(fails_next.exchange(0), sizeof(weir::internal::origin));
  books.settle(batch, weir::outcome::acknowledged);
  EXPECT_EQ(books.totals().acknowledged, 3U);
}

/// Of an alarm in the map of all: a node has four words beside its key and its value.
constexpr std::size_t alarm_size = 4 * sizeof(void*)
                                   + sizeof(std::pair<weir::time_point, std::uint64_t>)
                                   + sizeof(std::function<void()>);

/// There is no memory for waking it later.
struct sleepless final : weir::actor {
  sleepless() : actor{"sleepless"} {}

  std::vector<std::string> seen;

  weir::activity turn() override {
    seen.emplace_back("turn");
    fails_next = alarm_size;
    return weir::activity::asleep(weir::clock::now() + 1s);
  }
  void crashed(weir::failure why) noexcept override { seen.push_back(why.message()); }
  void behind_last_turn() noexcept override { seen.emplace_back("ended"); }
};

TEST_F(OutOfMemory, AnActorThatCantBeWokenLaterHasCrashed) {
  sleepless actor;
  node here;
  here.runtime().spawn(actor, weir::execution::shared);
  here.runtime().join(actor);
  EXPECT_EQ(actor.seen,
            (std::vector<std::string>{"turn", "out of memory (std::bad_alloc)", "ended"}));
}

} // namespace
