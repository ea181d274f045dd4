#include "../running.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <string>

namespace {

using namespace weir_test;
using weir::result;

constexpr std::size_t count = 100;

/// What a stage says of an item; `run` counts the runs of that item from 1.
using saying = std::function<result<int>(int item, int run)>;

class FailedItem : public testing::Test {
protected:
  std::vector<int> through(saying says, weir::retry_policy retry = at_once(),
                           weir::pipeline_options options = restarting()) {
    collected<int> out;
    weir::pipeline p{"failing", options};
    p.from("numbers", numbers(count))
        .via("stage",
             [says, runs = runs_](int n) -> result<int> {
               return says(n, ++(*runs)[static_cast<std::size_t>(n)]);
             },
             {.retry = retry})
        .to("sink", out.sink());
    p.dead_letters_to(letters_);
    last_ = run(std::move(p));
    return out.items();
  }
  int runs_of(std::size_t item) const { return (*runs_)[item]; }
  weir::stage_snapshot stage() const { return last_.stages[1]; }
  std::vector<std::string> dead_lettered() const {
    std::vector<std::string> payloads;
    for (const auto& one : letters_.letters())
      payloads.push_back(one.payload);
    return payloads;
  }

  std::shared_ptr<std::vector<int>> runs_ = std::make_shared<std::vector<int>>(count);
  weir::dead_letters::memory letters_;
  weir::pipeline_snapshot last_;
};

TEST_F(FailedItem, OfPoisonIsParkedAtOnceAndTheOthersGoOn) {
  // The first, the last, one alone, two and five in a row.
  const std::set<int> bad{0, 20, 30, 31, 40, 41, 42, 43, 44, 99};
  EXPECT_EQ(through([&](int n, int) -> result<int> {
              if (bad.contains(n))
                return weir::poison("never");
              return n;
            }),
            up_to(count, [&](int n) { return !bad.contains(n); }));
  EXPECT_EQ(dead_lettered(),
            (std::vector<std::string>{"0", "20", "30", "31", "40", "41", "42", "43", "44", "99"}));
  EXPECT_EQ(last_.ledger.dead_lettered, bad.size());
  EXPECT_EQ(stage().restarts, 0U) << "the stage is not to blame";
  EXPECT_EQ(stage().failed, bad.size());
  EXPECT_EQ(stage().processed, count - bad.size());
  for (int n : bad)
    EXPECT_EQ(runs_of(static_cast<std::size_t>(n)), 1);
}

TEST_F(FailedItem, OfPoisonMayBeEveryItem) {
  EXPECT_TRUE(through([](int, int) -> result<int> { return weir::poison("all of them"); }).empty());
  EXPECT_EQ(last_.ledger.dead_lettered, count);
  EXPECT_EQ(letters_.letters().size(), count);
}

TEST_F(FailedItem, ThatWorksTheSecondTimeIsNeitherLostNorOvertaken) {
  EXPECT_EQ(through([](int n, int run) -> result<int> {
              if (n % 10 == 3 && run < 3)
                return weir::transient("not yet");
              return n;
            }),
            up_to(count));
  EXPECT_TRUE(dead_lettered().empty());
  EXPECT_EQ(stage().failed, 20U);
  EXPECT_EQ(stage().restarts, 0U);
  EXPECT_EQ(runs_of(3), 3);
  EXPECT_EQ(runs_of(4), 1);
}

TEST_F(FailedItem, IsTriedAsOftenAsItsStageSays) {
  const std::set<int> bad{5, 50};
  EXPECT_EQ(through(
                [&](int n, int) -> result<int> {
                  if (bad.contains(n))
                    return weir::transient("still not");
                  return n;
                },
                at_once(4)),
            up_to(count, [&](int n) { return !bad.contains(n); }));
  EXPECT_EQ(runs_of(5), 4);
  ASSERT_EQ(dead_lettered(), (std::vector<std::string>{"5", "50"}));
  EXPECT_EQ(letters_.letters().front().attempts, 4U);
  EXPECT_EQ(letters_.letters().front().why.kind, weir::failure_kind::transient);
  EXPECT_EQ(stage().restarts, 0U);
}

TEST_F(FailedItem, IsTriedForEverIfItsStageSaysSo) {
  EXPECT_EQ(through(
                [](int n, int run) -> result<int> {
                  if (n == 5 && run < 500)
                    return weir::transient("not yet");
                  return n;
                },
                at_once(weir::unlimited)),
            up_to(count));
  EXPECT_EQ(runs_of(5), 500);
}

TEST_F(FailedItem, WithOneAttemptIsNeverTriedAgain) {
  (void)through(
      [](int n, int) -> result<int> {
        if (n == 5)
          return weir::transient("perhaps later");
        if (n == 7)
          throw std::runtime_error{"ouch"};
        return n;
      },
      at_once(1));
  EXPECT_EQ(dead_lettered(), (std::vector<std::string>{"5", "7"}));
  EXPECT_EQ(runs_of(5), 1);
  EXPECT_EQ(runs_of(7), 1);
  EXPECT_EQ(letters_.letters().back().attempts, 1U);
}

TEST_F(FailedItem, IsTriedAgainAtOnceThenWaitsLongerAfterEachAttempt) {
  std::vector<weir::time_point> runs;
  (void)through(
      [&](int n, int) -> result<int> {
        if (n != 5)
          return n;
        runs.push_back(weir::clock::now());
        return weir::transient("later");
      },
      {.attempts = 5, .delay_min = 4ms, .delay_max = 10ms, .factor = 2.0, .jitter = 0.0});
  ASSERT_EQ(runs.size(), 5U);
  EXPECT_EQ(runs[1] - runs[0], 0ms);
  EXPECT_EQ(runs[2] - runs[1], 4ms);
  EXPECT_EQ(runs[3] - runs[2], 8ms);
  EXPECT_EQ(runs[4] - runs[3], 10ms);
}

TEST_F(FailedItem, WaitsAsLongAsTheOtherSideAskedFor) {
  std::vector<weir::time_point> runs;
  (void)through([&](int n, int run) -> result<int> {
    if (n != 5)
      return n;
    runs.push_back(weir::clock::now());
    if (run == 1)
      return weir::transient("too many requests", 20ms);
    return n;
  });
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[1] - runs[0], 20ms);
}

TEST_F(FailedItem, OfAFatalKindGetsAFreshWorker) {
  EXPECT_EQ(through([](int n, int run) -> result<int> {
              if (n == 5 && run == 1)
                return weir::fatal("I do not trust myself");
              return n;
            }),
            up_to(count));
  EXPECT_EQ(stage().restarts, 1U);
  EXPECT_EQ(stage().last_failure, "I do not trust myself");
  EXPECT_TRUE(dead_lettered().empty());
}

TEST_F(FailedItem, LeavesALetterWithAllThatIsKnown) {
  std::vector<std::chrono::system_clock::time_point> runs;
  (void)through(
      [&](int n, int run) -> result<int> {
        if (n != 41)
          return n;
        runs.push_back(weir::clock::wall());
        return weir::transient("run " + std::to_string(run)).within("the service");
      },
      {.attempts = 3, .immediate = 0, .delay_min = 3ms, .delay_max = 3ms, .jitter = 0.0});
  ASSERT_EQ(letters_.letters().size(), 1U);
  const auto letter = letters_.letters().front();
  EXPECT_EQ(letter.pipeline, "failing");
  EXPECT_EQ(letter.stage, "stage");
  EXPECT_EQ(letter.source, "numbers");
  EXPECT_EQ(letter.position, 42U);
  EXPECT_EQ(letter.payload, "41");
  EXPECT_EQ(letter.payload_type, "int");
  EXPECT_EQ(letter.attempts, 3U);
  EXPECT_EQ(letter.why.message(), "the service ← run 3");
  // The store keeps whole milliseconds.
  EXPECT_EQ(letter.first_failed_at, std::chrono::floor<std::chrono::milliseconds>(runs.front()));
  EXPECT_EQ(letter.last_failed_at, std::chrono::floor<std::chrono::milliseconds>(runs.back()));
}

TEST_F(FailedItem, KnowsWhenItFailedFirst) {
  (void)through(
      [](int n, int) -> result<int> {
        if (n == 41)
          return weir::transient("later");
        return n;
      },
      {.attempts = 3, .immediate = 0, .delay_min = 3ms, .delay_max = 3ms, .jitter = 0.0});
  ASSERT_EQ(letters_.letters().size(), 1U);
  const auto letter = letters_.letters().front();
  EXPECT_EQ(letter.last_failed_at - letter.first_failed_at, 6ms);
}

TEST_F(FailedItem, OneOfManyFromOnePositionHasALetterOfItsOwn) {
  collected<std::string> out;
  weir::pipeline p{"failing", restarting()};
  p.from("numbers", numbers(3))
      .via("words",
           [](int n) {
             return std::vector<std::string>{"good", "bad", "worse", "bad", std::to_string(n)};
           })
      .to("sink", [out](const std::string& word) -> result<void> {
        if (word == "bad" || word == "worse")
          return weir::poison("a " + word + " word");
        out.add(word);
        return {};
      });
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  EXPECT_EQ(out.items(), (std::vector<std::string>{"good", "0", "good", "1", "good", "2"}));
  EXPECT_EQ(dead_lettered(), (std::vector<std::string>{"bad", "worse", "bad", "bad", "worse", "bad",
                                                       "bad", "worse", "bad"}));
  std::set<std::pair<std::uint64_t, std::uint32_t>> places;
  for (const auto& one : letters_.letters())
    places.emplace(one.position, one.part);
  EXPECT_EQ(places.size(), 9U);
  EXPECT_EQ(done.ledger, (weir::ledger_totals{.admitted = 3, .dead_lettered = 3}));
}

TEST_F(FailedItem, InASinkIsParkedOrTriedAgainLikeAnyOther) {
  collected<int> out;
  auto runs = std::make_shared<int>(0);
  weir::pipeline p{"failing", restarting()};
  p.from("numbers", numbers(count))
      .to("sink",
          [out, runs](const int& n) -> result<void> {
            if (n == 10)
              return weir::poison("refused");
            if (n == 20 && ++*runs < 3)
              return weir::transient("locked");
            if (n == 30)
              throw std::runtime_error{"disk on fire"};
            out.add(n);
            return {};
          },
          {.retry = at_once()});
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  EXPECT_EQ(out.items(), up_to(count, [](int n) { return n != 10 && n != 30; }));
  EXPECT_EQ(dead_lettered(), (std::vector<std::string>{"10", "30"}));
  EXPECT_EQ(done.ledger,
            (weir::ledger_totals{.admitted = count, .acknowledged = 98, .dead_lettered = 2}));
}

TEST_F(FailedItem, AmongSeveralWorkersIsParkedOnce) {
  collected<int> out;
  weir::pipeline p{"failing", restarting(1000)};
  p.from("numbers", numbers(1000))
      .via("stage",
           [](int n) -> result<int> {
             if (n % 10 == 0)
               return weir::poison("round");
             if (n % 50 == 1)
               throw n;
             return n;
           },
           {.workers = 4, .mailbox_capacity = 20, .retry = at_once(2)})
      .to("sink", out.sink());
  p.dead_letters_to(letters_);
  const auto done = run(std::move(p));
  auto got = out.items();
  std::ranges::sort(got);
  EXPECT_EQ(got, up_to(1000, [](int n) { return n % 10 != 0 && n % 50 != 1; }));
  EXPECT_EQ(done.ledger.dead_lettered, 120U);
  EXPECT_EQ(letters_.letters().size(), 120U);
}

enum class colour { red = 3 };
struct point {
  int x = 0;
};
std::string weir_payload(const point& item) { return "x=" + std::to_string(item.x); }

/// The payload under which an item is dead-lettered.
template <class T>
std::string payload(T item) {
  weir::dead_letters::memory letters;
  weir::pipeline p{"payloads"};
  p.from("one", counted{1, [item](std::size_t) { return item; }})
      .to("sink", [](const T&) -> result<void> { return weir::poison("no"); });
  p.dead_letters_to(letters);
  run(std::move(p));
  return letters.letters().front().payload;
}

TEST(Payload, OfALetterIsTheItemAsText) {
  EXPECT_EQ(payload(std::string("a\0b\n\xFF", 5)), std::string("a\0b\n\xFF", 5)) << "byte for byte";
  EXPECT_EQ(payload(std::string{}), "");
  EXPECT_EQ(payload(-7L), "-7");
  EXPECT_EQ(payload(colour::red), "3");
  EXPECT_EQ(payload(point{5}), "x=5");
}

} // namespace
