#include "../running.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <string>

namespace {

using namespace weir_test;
using weir::context;
using weir::emitter;
using weir::result;

/// What happens to one item before it is done; it may throw. The number counts its runs from 1.
using trouble = std::function<result<void>(int item, int run)>;

/// How often each item was run, over all lives of a stage.
struct run_counts {
  std::mutex lock;
  std::map<int, int> runs;
  std::atomic<int> built = 0;
};

/// Emits the sum of the items so far. The sum is what survives a restart; it is changed before the trouble
/// starts, so that an item that fails has always left its mark.
struct running_sum {
  using input = int;
  using output = int;

  std::shared_ptr<run_counts> counts;
  trouble happens;
  int sum = 0;

  result<void> on_item(const int& n, emitter<int>& out, context&) {
    sum += n;
    out(sum);
    int run = 0;
    {
      const std::lock_guard lock{counts->lock};
      run = ++counts->runs[n];
    }
    return happens(n, run);
  }
  int checkpoint() const { return sum; }
  void restore(int kept) { sum = kept; }
};

class RecoverableStage : public testing::Test {
protected:
  static constexpr std::size_t count = 1000;

  std::vector<int> sums(trouble happens, std::uint32_t capacity = 1024) {
    collected<int> out;
    weir::pipeline p{"sums", restarting()};
    p.from("numbers", numbers(count))
        .via("sum", weir::factory{[counts = counts_, happens = std::move(happens)] {
               ++counts->built;
               return running_sum{counts, happens};
             }},
             {.mailbox_capacity = capacity, .retry = at_once()})
        .to("sink", out.sink(), {.mailbox_capacity = capacity});
    p.dead_letters_to(letters_);
    last_ = run(std::move(p));
    return out.items();
  }

  /// The sums of an undisturbed run in which some items never were.
  static std::vector<int> sums_without(std::vector<int> missing) {
    int sum = 0;
    std::vector<int> all;
    for (auto n : up_to(count))
      if (std::ranges::find(missing, n) == missing.end())
        all.push_back(sum += n);
    return all;
  }
  int runs_of(int item) { return counts_->runs[item]; }

  std::shared_ptr<run_counts> counts_ = std::make_shared<run_counts>();
  weir::dead_letters::memory letters_;
  weir::pipeline_snapshot last_;
};

TEST_F(RecoverableStage, GoesOnFromTheCommittedStateAfterAnException) {
  // In the middle of a slice, at its beginning, and two neighbours.
  const auto once = [](int n, int run) -> result<void> {
    if ((n == 17 || n == 500 || n == 501 || n == 0) && run == 1)
      throw std::runtime_error{"the first time"};
    return {};
  };
  EXPECT_EQ(sums(once), sums_without({}));
  EXPECT_EQ(last_.ledger.acknowledged, count);
  EXPECT_EQ(sums(once, 3), sums_without({}));
}

TEST_F(RecoverableStage, LeavesOutWhatWasParkedForAnException) {
  EXPECT_EQ(sums([](int n, int) -> result<void> {
              if (n == 17 || n == 999)
                throw std::runtime_error{"always"};
              return {};
            }),
            sums_without({17, 999}));
  EXPECT_EQ(last_.ledger.dead_lettered, 2U);
  EXPECT_EQ(letters_.letters().size(), 2U);
}

TEST_F(RecoverableStage, TakesBackWhatAPoisonItemHasChanged) {
  EXPECT_EQ(sums([](int n, int) -> result<void> {
              if (n == 0 || n == 17 || n == 18)
                return weir::poison("never");
              return {};
            }),
            sums_without({0, 17, 18}));
  EXPECT_EQ(last_.ledger.dead_lettered, 3U);
}

TEST_F(RecoverableStage, CountsARetriedItemOnce) {
  EXPECT_EQ(sums([](int n, int run) -> result<void> {
              if (n % 100 == 33 && run < 3)
                return weir::transient("not yet");
              return {};
            }),
            sums_without({}));
  EXPECT_EQ(last_.ledger.acknowledged, count);
}

TEST_F(RecoverableStage, RunsAFailingItemAsOftenAsItsLetterSays) {
  (void)sums([](int n, int) -> result<void> {
    if (n == 17)
      throw std::runtime_error{"always"};
    return {};
  });
  ASSERT_EQ(letters_.letters().size(), 1U);
  EXPECT_EQ(letters_.letters().front().attempts, 3U);
  EXPECT_EQ(runs_of(17), 3);
}

TEST_F(RecoverableStage, SurvivesThatItCantBeRebuiltAtOnce) {
  // The second and the third instance can't be made.
  collected<int> out;
  weir::pipeline p{"sums", restarting()};
  p.from("numbers", numbers(count))
      .via("sum", weir::factory{[counts = counts_] {
             const auto built = ++counts->built;
             if (built == 2 || built == 3)
               throw std::runtime_error{"no instance today"};
             return running_sum{counts, [](int n, int run) -> result<void> {
                                  if (n == 17 && run == 1)
                                    throw std::runtime_error{"once"};
                                  return {};
                                }};
           }},
           {.retry = at_once()})
      .to("sink", out.sink());
  p.dead_letters_to(letters_);
  run(std::move(p));
  EXPECT_EQ(out.items(), sums_without({}));
}

/// Adds up until its timer is told to hand the sum on and begin anew.
struct windowed_sum {
  using input = int;
  using output = int;
  enum told { nothing, hand_on, fail };

  std::shared_ptr<std::atomic<told>> command;
  int sum = 0;

  bool obeys(told what) const { return command->compare_exchange_strong(what, nothing); }

  void on_start(context& where) { where.wake_at(where.now()); }
  void on_item(const int& n, emitter<int>&, context&) {
    sum += n;
    if (obeys(fail))
      throw std::runtime_error{"as told"};
  }
  void on_timer(emitter<int>& out, context& where) {
    if (obeys(hand_on)) {
      out(sum);
      sum = 0;
    }
    where.wake_at(where.now() + 1ms);
  }
  void on_drain(emitter<int>& out, context&) { out(sum); }
  int checkpoint() const { return sum; }
  void restore(int kept) { sum = kept; }
};

TEST_F(RecoverableStage, KeepsWhatItsTimerHasChanged) {
  auto command = std::make_shared<std::atomic<windowed_sum::told>>(windowed_sum::nothing);
  source_probe<int> hand;
  collected<int> out;
  weir::pipeline p{"windows", restarting()};
  p.from("hand", hand)
      .via("sum", windowed_sum{command}, {.retry = at_once()})
      .to("sink", out.sink());
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  hand.push(1, 2, 3);
  r.settle();
  EXPECT_EQ(r.ledger().filtered, 3U);
  *command = windowed_sum::hand_on;
  r.pass(1ms);
  EXPECT_EQ(out.size(), 1U);
  *command = windowed_sum::fail;
  hand.push(10);
  hand.complete();
  r.finishes();
  EXPECT_EQ(out.items(), (std::vector{6, 10}));
}

TEST_F(RecoverableStage, HandsNothingOnThatItWillHandOnAgain) {
  // Failures all over the slices, on a stage that emits several for each item.
  struct repeating {
    using input = int;
    using output = int;
    std::shared_ptr<run_counts> counts;
    int last = -1;
    void on_item(const int& n, emitter<int>& out, context&) {
      out(last);
      out(n);
      last = n;
      const std::lock_guard lock{counts->lock};
      if (++counts->runs[n] == 1 && n % 7 == 0)
        throw n;
    }
    int checkpoint() const { return last; }
    void restore(int kept) { last = kept; }
  };
  collected<int> out;
  weir::pipeline p{"repeating", restarting()};
  p.from("numbers", numbers(200))
      .via("twice", repeating{counts_}, {.retry = at_once()})
      .to("sink", out.sink(), {.mailbox_capacity = 5});
  p.dead_letters_to(letters_);
  run(std::move(p));
  std::vector<int> expected;
  for (int n = 0; n < 200; ++n)
    expected.insert(expected.end(), {n - 1, n});
  EXPECT_EQ(out.items(), expected);
}

/// Some items fail when they are run first, their neighbours when they are run again because of those. Each says
/// who it is.
struct shaky {
  using input = int;
  using output = int;
  std::shared_ptr<run_counts> counts;
  int passed = 0;
  void on_item(const int& n, emitter<int>& out, context&) {
    ++passed;
    out(n);
    const std::lock_guard lock{counts->lock};
    const auto run = ++counts->runs[n];
    if ((n % 10 == 6 && run == 1) || (n % 10 == 7 && run == 2))
      throw std::runtime_error{"item " + std::to_string(n)};
  }
  int checkpoint() const { return passed; }
  void restore(int kept) { passed = kept; }
};

TEST_F(RecoverableStage, NeverBlamesOneItemForAnothersFailure) {
  // One attempt, several mailboxes, and not always as many items to a slice.
  const auto from = [](int first) {
    return counted{300, [first](std::size_t n) { return first + static_cast<int>(n); }};
  };
  collected<int> out;
  weir::pipeline p{"blaming", restarting(10'000)};
  p.merge(p.from("one", from(0)), p.from("two", from(300)), p.from("three", from(600)))
      .via("stage", shaky{counts_}, {.mailbox_capacity = 300, .retry = at_once(1)})
      .to("sink", out.sink());
  p.dead_letters_to(letters_);
  run(std::move(p));
  auto seen = out.items();
  for (const auto& one : letters_.letters()) {
    EXPECT_EQ(one.why.message(), "item " + one.payload);
    seen.push_back(std::stoi(one.payload));
  }
  EXPECT_FALSE(letters_.letters().empty());
  std::ranges::sort(seen);
  EXPECT_EQ(seen, up_to(900));
}

TEST_F(RecoverableStage, ThatRunsItsItemsAgainBitByBitBlamesNoneOfAnotherMailbox) {
  source_probe<int> one;
  source_probe<int> two;
  collected<int> out;
  weir::pipeline p{"blaming", restarting()};
  p.merge(p.from("one", one), p.from("two", two))
      .via("sum", weir::factory{[counts = counts_] {
             return running_sum{counts, [](int n, int) -> result<void> {
                                  if (n == 3)
                                    return weir::poison("item 3");
                                  return {};
                                }};
           }},
           {.rate = {.permits = 1, .per = 1s, .burst = 4}})
      .to("sink", out.sink());
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.pass(4s);
  one.push(0, 1, 2, 3); // one slice, whose permits are gone when it has failed
  two.push(100, 200, 300, 400);
  r.settle();
  EXPECT_EQ(out.items(), std::vector<int>{});
  EXPECT_EQ(runs_of(3), 1);
  EXPECT_EQ(runs_of(100), 0);
  r.pass(1s);
  EXPECT_EQ(out.items(), std::vector{0}) << "there was one permit";
  r.pass(20s);
  ASSERT_EQ(letters_.letters().size(), 1U);
  EXPECT_EQ(letters_.letters().front().payload, "3");
  EXPECT_EQ(letters_.letters().front().source, "one");
  EXPECT_EQ(out.items(), (std::vector{0, 1, 3, 103, 303, 603, 1003}));
}

} // namespace
