#include "../threads.hpp"

#include "../supervision/recorder_file.hpp"

#include <weir/actors/runtime_virtual.hpp>
#include <weir/actors/sleep.hpp>
#include <weir/stages/awaitable.hpp>
#include <weir/weir.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

/// Pipelines that come after a process that died. How it really dies is in tests/node/mortal.py.
namespace {

using namespace std::chrono_literals;
using weir::internal::origin;

constexpr std::uint32_t count = 20;

/// A file, and lives that end with some positions of the source in hand at a stage.
class earlier_lives {
public:
  void die(const std::string& stage, std::vector<std::uint64_t> in_hand, std::uint32_t failures = 0,
           const std::string& pipeline = "p") const {
    const auto recorder = file.open();
    const weir::internal::flight_recorder::stage_hands stages[] = {{stage, 100}};
    const std::string partitions[] = {"source"};
    const auto slots = recorder->add(pipeline, stages, partitions);
    ASSERT_TRUE(slots);
    for (std::size_t k = 0; k < in_hand.size(); ++k)
      if (failures == 0)
        (*slots)[k].take(origin{0, in_hand[k]}.word());
      else
        (*slots)[k].failed(origin{0, in_hand[k]}.word(), failures);
    weir::internal::flight_recorder::examine(file.path, ::getpid(), SIGSEGV);
  }

  recorder_file file;
};

/// What came of a pipeline in the life after them.
struct outcome {
  std::vector<weir::dead_letter> letters;
  weir::pipeline_snapshot end;
};

outcome run(weir::pipeline definition, const earlier_lives& lives, bool ends_well = true) {
  weir::dead_letters::memory kept;
  definition.dead_letters_to(kept);
  const auto recorder = lives.file.open();
  weir::runtime node{{.threads = 2}};
  outcome seen;
  {
    weir::running_pipeline running{std::move(definition), node, {}, recorder.get()};
    const auto started = running.start();
    EXPECT_TRUE(started) << started.error().message();
    const auto how = running.wait_until(std::chrono::steady_clock::now() + weir_test::patience);
    EXPECT_EQ(how, weir::running_pipeline::state::finished)
        << weir_test::to_string(running.snapshot());
    seen.end = running.snapshot();
    EXPECT_TRUE(seen.end.ledger.balanced()) << weir_test::to_string(seen.end);
    EXPECT_EQ(seen.end.ledger.in_flight, 0U);
  }
  if (ends_well)
    recorder->end();
  seen.letters = kept.letters();
  return seen;
}

/// Counts who is in hand: at most how many at a time while `alone` was one of them.
class witness {
public:
  explicit witness(int alone) : alone_{alone} {}

  void see(int item) const {
    const auto inside = ++state_->inside;
    if (item == alone_)
      state_->is_there = true;
    if (state_->is_there && inside > 1)
      state_->company = true;
    // The one stays so long that others would come, if they could.
    for (int k = 0; k < (item == alone_ ? 5000 : 1); ++k) {
      std::this_thread::yield();
      if (state_->is_there && state_->inside > 1)
        state_->company = true;
    }
    if (item == alone_)
      state_->is_there = false;
    --state_->inside;
    state_->seen.add(item);
  }
  bool was_alone() const { return !state_->company; }
  const weir_test::collected<int>& seen() const { return state_->seen; }

private:
  struct state {
    std::atomic<int> inside{0};
    std::atomic<bool> is_there{false};
    std::atomic<bool> company{false};
    weir_test::collected<int> seen;
  };
  int alone_;
  std::shared_ptr<state> state_ = std::make_shared<state>();
};

weir::pipeline of_stage(const weir_test::collected<int>& ran,
                        const weir_test::collected<int>& stored) {
  weir::pipeline p{"p"};
  p.from("source", weir_test::numbers(count))
      .via("stage",
           [ran](int n) {
             ran.add(n);
             return n;
           })
      .to("sink", stored.sink());
  return p;
}

TEST(FlightRecorderPipeline, ParksWhatKilledOftenEnoughWithoutRunningIt) {
  const earlier_lives lives;
  for (int life = 0; life < 3; ++life)
    lives.die("stage", {5}); // positions count from 1: the item 4
  const weir_test::collected<int> ran, stored;
  const auto seen = run(of_stage(ran, stored), lives);
  ASSERT_EQ(seen.letters.size(), 1U);
  const auto& letter = seen.letters[0];
  EXPECT_EQ(letter.why.message(), "killed by SIGSEGV (signal 11) while in hand, 3 times");
  EXPECT_EQ(letter.stage, "stage");
  EXPECT_EQ(letter.source, "source");
  EXPECT_EQ(letter.position, 5U);
  EXPECT_EQ(letter.attempts, 3U);
  EXPECT_EQ(letter.payload, "4");
  const auto others = weir_test::up_to(count, [](int n) { return n != 4; });
  EXPECT_EQ(ran.items(), others);
  EXPECT_EQ(stored.items(), others);
  EXPECT_EQ(seen.end.ledger.dead_lettered, 1U);
}

TEST(FlightRecorderPipeline, RunsWhatHasNotKilledOftenEnough) {
  const earlier_lives lives;
  lives.die("stage", {5});
  lives.die("stage", {5});
  const weir_test::collected<int> ran, stored;
  const auto seen = run(of_stage(ran, stored), lives);
  EXPECT_TRUE(seen.letters.empty());
  EXPECT_EQ(stored.items(), weir_test::up_to(count));
}

/// The same source, of which nothing can be read once more.
struct passing : decltype(weir_test::numbers(count)) {
  bool positions_last() const { return false; }
};

TEST(FlightRecorderPipeline, AccusesNobodyForWhatHadHisPositionInAnotherLife) {
  const earlier_lives lives;
  for (int life = 0; life < 3; ++life)
    lives.die("stage", {5});
  const weir_test::collected<int> ran, stored;
  weir::pipeline p{"p"};
  p.from("source", passing{weir_test::numbers(count)})
      .via("stage",
           [ran](int n) {
             ran.add(n);
             return n;
           })
      .to("sink", stored.sink());
  const auto seen = run(std::move(p), lives);
  EXPECT_TRUE(seen.letters.empty());
  EXPECT_EQ(stored.items(), weir_test::up_to(count));
}

TEST(FlightRecorderPipeline, SparesWhoWasOnlyThere) {
  const earlier_lives lives;
  for (int life = 0; life < 5; ++life)
    lives.die("stage", {5, 9, 11});
  const weir_test::collected<int> ran, stored;
  const auto seen = run(of_stage(ran, stored), lives);
  EXPECT_TRUE(seen.letters.empty());
  EXPECT_EQ(stored.items(), weir_test::up_to(count));
}

TEST(FlightRecorderPipeline, AccusesAtTheStageOnly) {
  const earlier_lives lives;
  for (int life = 0; life < 3; ++life)
    lives.die("another", {5});
  const weir_test::collected<int> ran, stored;
  EXPECT_TRUE(run(of_stage(ran, stored), lives).letters.empty());
}

TEST(FlightRecorderPipeline, CountsTheRunsOfEarlierLives) {
  const earlier_lives lives;
  lives.die("stage", {5}, 2);
  weir::pipeline p{"p"};
  const weir_test::collected<int> stored;
  std::atomic<int> runs{0};
  p.from("source", weir_test::numbers(count))
      .via("stage",
           [&runs](int n) -> weir::result<int> {
             if (n != 4)
               return n;
             ++runs;
             return weir::transient("not now");
           },
           {.retry = weir_test::at_once(3)})
      .to("sink", stored.sink());
  const auto seen = run(std::move(p), lives);
  EXPECT_EQ(runs, 1) << "two runs were before";
  ASSERT_EQ(seen.letters.size(), 1U);
  EXPECT_EQ(seen.letters[0].attempts, 3U);
  EXPECT_EQ(seen.letters[0].why.message(), "not now");
}

TEST(FlightRecorderPipeline, RunsASuspectAlone) {
  const earlier_lives lives;
  lives.die("stage", {5, 6});
  const witness all{4};
  weir::pipeline p{"p"};
  p.from("source", weir_test::numbers(400))
      .via("stage",
           [all](int n) {
             all.see(n);
             return n;
           },
           {.workers = 4})
      .to("sink", [all](const int&) { all.see(-1); });
  const auto seen = run(std::move(p), lives);
  EXPECT_TRUE(all.was_alone());
  EXPECT_EQ(all.seen().size(), 800U);
  EXPECT_TRUE(seen.letters.empty());
}

TEST(FlightRecorderPipeline, GivesASuspectABatchOfItsOwn) {
  const earlier_lives lives;
  lives.die("sink", {5, 6, 7, 8, 9, 10});
  const weir_test::collected<std::size_t> sizes;
  weir::pipeline p{"p"};
  p.from("source", weir_test::numbers(count))
      .batch("batch", {.size_max = 10, .delay_max = 10s})
      .to("sink", [sizes](const weir::batch<int>& in) { sizes.add(in.items.size()); });
  EXPECT_TRUE(run(std::move(p), lives).letters.empty());
  EXPECT_EQ(sizes.items(), (std::vector<std::size_t>{4, 1, 1, 1, 1, 1, 1, 10}));
}

TEST(FlightRecorderPipeline, ParksTheRowThatABatchSinkDiedOf) {
  const earlier_lives lives;
  lives.die("sink", {4, 5, 6});
  lives.die("sink", {5});
  lives.die("sink", {5});
  const weir_test::collected<int> rows;
  weir::pipeline p{"p"};
  p.from("source", weir_test::numbers(count))
      .batch("batch", {.size_max = 10})
      .to("sink", [rows](const weir::batch<int>& in) {
        for (const int one : in.items)
          rows.add(one);
      });
  const auto seen = run(std::move(p), lives);
  ASSERT_EQ(seen.letters.size(), 1U);
  EXPECT_EQ(seen.letters[0].payload, "4");
  EXPECT_EQ(seen.letters[0].payload_type, "int");
  EXPECT_EQ(seen.letters[0].position, 5U);
  EXPECT_EQ(rows.items(), weir_test::up_to(count, [](int n) { return n != 4; }));
}

TEST(FlightRecorderPipeline, ParksAndSparesInAnAwaitableStage) {
  const earlier_lives lives;
  lives.die("stage", {4, 5, 6, 7, 8});
  lives.die("stage", {5});
  lives.die("stage", {5});
  const weir_test::collected<int> stored;
  const witness all{5}; // position 6, still a suspect
  weir::pipeline p{"p"};
  p.from("source", weir_test::numbers(200))
      .via("stage",
           [all](const int& n) -> boost::asio::awaitable<weir::result<int>> {
             all.see(n);
             co_return n;
           },
           {.workers = 2, .in_flight_max = 8})
      .to("sink", stored.sink());
  const auto seen = run(std::move(p), lives);
  ASSERT_EQ(seen.letters.size(), 1U);
  EXPECT_EQ(seen.letters[0].position, 5U);
  EXPECT_TRUE(all.was_alone());
  EXPECT_EQ(stored.size(), 199U);
}

/// A life that was killed by its item 4 (position 5), and one that runs it once more in vain and dies of the next run:
/// what is known of it then.
std::optional<weir::internal::suspect> after_a_failure_and_a_death(weir::stage_options options) {
  const earlier_lives lives;
  lives.die("stage", {5});
  std::string last_words; // the file, as the death would leave it
  int runs = 0;
  weir::pipeline p{"p"};
  options.retry = weir_test::at_once(10);
  p.from("source", weir_test::numbers(count))
      .via(
          "stage",
          [&](int n) -> weir::result<int> {
            if (n == 4 && ++runs == 1)
              return weir::transient("not now");
            if (n == 4)
              last_words = lives.file.bytes();
            return n;
          },
          options)
      .to("sink", [](const int&) noexcept {});
  run(std::move(p), lives);
  EXPECT_EQ(runs, 2);
  lives.file.write(last_words);
  const auto recorder = lives.file.open();
  const auto partition = weir::internal::flight_key("p", "source");
  recorder->suspects().watch(weir::internal::flight_key("p", "stage"), partition, 0);
  return recorder->suspects().at(weir::internal::flight_key("p", "stage"), partition, 5);
}

TEST(FlightRecorderPipeline, CountsADeathOnceWhenARunFailsToo) {
  for (const std::uint32_t in_flight_max : {1U, 4U}) {
    const auto known = after_a_failure_and_a_death({.in_flight_max = in_flight_max});
    ASSERT_TRUE(known) << in_flight_max;
    EXPECT_EQ(known->deaths, 2U) << in_flight_max;
    EXPECT_EQ(known->failures, 1U) << in_flight_max;
  }
}

TEST(FlightRecorderPipeline, RemembersASuspectThatDidNotComeBeforeTheEnd) {
  const earlier_lives lives;
  lives.die("stage", {5});
  lives.die("stage", {5});
  {
    const auto recorder = lives.file.open();
    weir::runtime node{{.threads = 1}};
    weir::pipeline p{"p"};
    p.from("source", weir_test::numbers(3))
        .via("stage", [](int n) { return n; })
        .to("sink", [](const int&) {});
    p.dead_letters_to(weir::dead_letters::memory{});
    weir::running_pipeline running{std::move(p), node, {}, recorder.get()};
    ASSERT_TRUE(running.start());
    EXPECT_EQ(running.snapshot().last_death->status, SIGSEGV);
    EXPECT_EQ(running.wait(), weir::running_pipeline::state::finished);
    recorder->end();
  }
  lives.die("stage", {5});
  const weir_test::collected<int> ran, stored;
  const auto seen = run(of_stage(ran, stored), lives);
  ASSERT_EQ(seen.letters.size(), 1U);
  EXPECT_EQ(seen.letters[0].attempts, 3U);
  EXPECT_TRUE(lives.file.open()->last_life().deaths.empty())
      << "it was dead-lettered, and that is the end of it";
}

/// Its items are in hand for an hour, so many at a time.
weir::pipeline an_hour_each(const std::string& name, const weir_test::collected<int>& begun,
                            std::uint32_t in_flight_max) {
  weir::pipeline p{name};
  p.from("source", weir_test::numbers(count))
      .via("wait",
           [begun](const int& n) -> boost::asio::awaitable<weir::result<int>> {
             begun.add(n);
             co_await weir::sleep_for(1h);
             co_return n;
           },
           {.in_flight_max = in_flight_max})
      .to("sink", [](const int&) {});
  p.dead_letters_to(weir::dead_letters::memory{});
  return p;
}

TEST(FlightRecorderPipeline, HoldsUpNoOtherOnceItIsAborted) {
  const earlier_lives lives;
  lives.die("stage", {5});
  lives.die("sink", {20}, 0, "other");
  const auto recorder = lives.file.open();
  weir::runtime node{{.threads = 2}};

  const weir_test::collected<int> begun;
  weir::running_pipeline aborted{an_hour_each("other", begun, 4), node, {}, recorder.get()};
  ASSERT_TRUE(aborted.start());
  ASSERT_TRUE(weir_test::eventually([&] { return begun.size() >= 1; }));
  aborted.abort();
  aborted.wait();

  weir::pipeline p{"p"};
  const weir_test::collected<int> stored;
  p.from("source", weir_test::numbers(count))
      .via("stage", [](int n) { return n; })
      .to("sink", stored.sink());
  p.dead_letters_to(weir::dead_letters::memory{});
  weir::running_pipeline running{std::move(p), node, {}, recorder.get()};
  ASSERT_TRUE(running.start());
  EXPECT_EQ(running.wait_until(std::chrono::steady_clock::now() + weir_test::patience),
            weir::running_pipeline::state::finished);
  EXPECT_EQ(stored.items(), weir_test::up_to(count));
}

/// Another pipeline with the same recorder: of its items one at a time is in hand, for an hour.
class company {
public:
  /// That does not come: so that what is in hand counts from the beginning.
  static void have_suspect(const earlier_lives& lives) { lives.die("wait", {count}, 0, "company"); }
  company(weir::virtual_runtime& node, weir::internal::flight_recorder& recorder)
      : running_{an_hour_each("company", begun_, 1), node, {}, &recorder} {
    EXPECT_TRUE(running_.start());
    node.run_until_idle();
  }
  std::size_t begun() const { return begun_.size(); }

private:
  weir_test::collected<int> begun_;
  weir::running_pipeline running_;
};

TEST(FlightRecorderPipeline, ASuspectHoldsUpNoOtherWhileItsWorkerIsDown) {
  const earlier_lives lives;
  lives.die("stage", {5});
  company::have_suspect(lives);
  const auto recorder = lives.file.open();
  weir::virtual_runtime node;
  const company others{node, *recorder};
  const weir_test::collected<int> stored;
  weir::pipeline p{"p", {.supervision = {.delays = {.delay_min = 24h, .delay_max = 24h}}}};
  p.from("source", weir_test::numbers(count))
      .via("stage", [](int n) { return n; })
      .to("sink", stored.sink());
  p.dead_letters_to(weir::dead_letters::memory{});
  weir::running_pipeline running{std::move(p), node, {}, recorder.get()};
  ASSERT_TRUE(running.start());
  node.run_until_idle();
  EXPECT_EQ(running.snapshot().stages[1].processed, 4U) << "the suspect waits until it is alone";
  running.kill(1);
  node.run_until_idle();
  EXPECT_EQ(others.begun(), 1U);
  node.advance(1h);
  EXPECT_EQ(others.begun(), 2U);
  EXPECT_EQ(stored.size(), 4U);
  node.advance(48h);
  EXPECT_EQ(stored.items(), weir_test::up_to(count));
}

struct order {
  std::string customer;
  std::string what;
};
std::string weir_payload(const order& one) { return one.customer + " " + one.what; }

TEST(FlightRecorderPipeline, ASuspectHoldsUpNoOtherWhileItsStageHasTooManyLetters) {
  const earlier_lives lives;
  lives.die("book", {10});
  company::have_suspect(lives);
  const auto recorder = lives.file.open();
  weir::virtual_runtime node;
  const company others{node, *recorder};
  const weir_test::source_probe<order> source;
  std::map<std::string, std::uint32_t> workers; // of the customers
  weir::pipeline p{"p"};
  p.from("source", source)
      .key_by(&order::customer, {.lanes = 2})
      .hold_key(&order::customer, {.held_max = 2})
      .via("book",
           [&workers](const order& one, weir::context& where) -> weir::result<std::string> {
             workers[one.customer] = where.worker_index();
             if (one.what == "deadly" || one.what == "fine")
               return one.what;
             return weir::poison("closed");
           })
      .merge()
      .to("sink", [](const std::string&) noexcept {});
  p.dead_letters_to(weir::dead_letters::memory{});
  weir::running_pipeline running{std::move(p), node, {}, recorder.get()};
  const auto started = running.start();
  ASSERT_TRUE(started) << started.error().message();
  const auto feed = [&](const std::string& customer, const std::string& what) {
    source.push(order{customer, what});
    node.run_until_idle();
  };
  for (const char one : std::string{"abcdefgh"})
    feed({one}, "fine");
  const auto other =
      std::ranges::find_if(workers, [&](const auto& one) { return one.second != workers["a"]; });
  ASSERT_NE(other, workers.end());
  const auto behind = running.snapshot().stages[1].processed;
  feed("a", "broken");
  feed(other->first, "deadly");
  EXPECT_EQ(running.snapshot().stages[1].processed, behind)
      << "the suspect waits until it is alone";
  feed("a", "behind it");
  EXPECT_EQ(running.snapshot().stages[1].keys_letters, 2U);
  node.advance(1h);
  EXPECT_EQ(running.snapshot().stages[1].processed, behind) << "there are too many letters now";
  EXPECT_EQ(others.begun(), 2U);
}

weir::pipeline closed_by(const weir_test::collected<std::vector<int>>& stored,
                         std::function<bool(const int&)> closes) {
  weir::pipeline p{"p"};
  p.from("source", weir_test::numbers(count))
      .batch("batch", {.size_max = 100, .delay_max = 10s}, std::move(closes))
      .to("sink", [stored](const weir::batch<int>& in) { stored.add(in.items); });
  return p;
}

TEST(FlightRecorderPipeline, ParksTheItemOverWhichAPredicateOfBatchesDied) {
  const earlier_lives lives;
  lives.die("batch", {4, 5, 6});
  lives.die("batch", {5});
  lives.die("batch", {5});
  const weir_test::collected<int> ran;
  const weir_test::collected<std::vector<int>> stored;
  const auto seen = run(closed_by(stored,
                                  [ran](const int& n) {
                                    ran.add(n);
                                    return n == 9;
                                  }),
                        lives);
  ASSERT_EQ(seen.letters.size(), 1U);
  EXPECT_EQ(seen.letters[0].why.message(), "killed by SIGSEGV (signal 11) while in hand, 3 times");
  EXPECT_EQ(seen.letters[0].stage, "batch");
  EXPECT_EQ(seen.letters[0].payload, "4");
  EXPECT_EQ(ran.items(), weir_test::up_to(count, [](int n) { return n != 4; }));
  EXPECT_EQ(stored.items(),
            (std::vector<std::vector<int>>{
                {0, 1, 2}, {3}, {5}, {6, 7, 8, 9}, weir_test::up_to(count, [](int n) {
                  return n > 9;
                })}));
}

TEST(FlightRecorderPipeline, HasInHandWhatAPredicateOfBatchesLooksAt) {
  const earlier_lives lives;
  std::string last_words; // the file, as a death would leave it
  run(closed_by({},
                [&](const int& n) {
                  if (n == 4)
                    last_words = lives.file.bytes();
                  return false;
                }),
      lives);
  lives.file.write(last_words);
  const auto recorder = lives.file.open();
  const auto stage = weir::internal::flight_key("p", "batch");
  const auto partition = weir::internal::flight_key("p", "source");
  recorder->suspects().watch(stage, partition, 0);
  EXPECT_FALSE(recorder->suspects().at(stage, partition, 4));
  EXPECT_TRUE(recorder->suspects().at(stage, partition, 5));
  EXPECT_FALSE(recorder->suspects().at(stage, partition, 6));
}

TEST(FlightRecorderPipeline, HasNothingInHandAtTheEnd) {
  const earlier_lives lives;
  const weir_test::collected<int> ran, stored;
  run(of_stage(ran, stored), lives, false);
  const auto last = lives.file.open()->last_life();
  ASSERT_TRUE(last.died);
  EXPECT_EQ(last.deaths[0].in_hand, "");
}

TEST(FlightRecorderPipeline, KeepsTryingWhereNothingCanBeParked) {
  const earlier_lives lives;
  for (int life = 0; life < 3; ++life)
    lives.die("sink", {5});
  const weir_test::collected<int> stored;
  weir::pipeline p{"p"};
  p.from("source", weir_test::numbers(count)).to("sink", stored.sink());
  const auto recorder = lives.file.open();
  weir::runtime node{{.threads = 2}};
  weir::running_pipeline running{std::move(p), node, {}, recorder.get()};
  ASSERT_TRUE(running.start());
  EXPECT_EQ(running.wait_until(std::chrono::steady_clock::now() + weir_test::patience),
            weir::running_pipeline::state::finished);
  EXPECT_EQ(stored.items(), weir_test::up_to(count));
}

} // namespace
