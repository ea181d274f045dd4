#include "../running.hpp"

#include <weir/actors/sleep.hpp>
#include <weir/stages/awaitable.hpp>
#include <weir/stages/settlement.hpp>

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

/// Held keys of stages and sinks that have several items in hand. The key of a number is whether it is odd.
namespace {

using namespace weir_test;
using boost::asio::awaitable;
using testing::ElementsAre;
using testing::StartsWith;
using weir::result;

constexpr auto parity = [](const int& n) { return n % 2; };
constexpr weir::retry_policy hourly{.delay_min = 1h, .delay_max = 1h, .jitter = 0};

class HoldKeyInHand : public testing::Test {
protected:
  /// What a stage says of an item; `run` counts the runs of that item from 1.
  using saying = std::function<result<int>(int item, int run)>;

  template <class Stage>
  weir::pipeline with(std::size_t count, Stage stage, weir::stage_options options,
                      weir::hold_key_options held = {}) {
    weir::pipeline p{"in-hand", restarting()};
    p.from("numbers", numbers(count))
        .hold_key(parity, held)
        .via("stage", std::move(stage), options)
        .to("sink", out_.sink());
    p.dead_letters_to(letters_);
    return p;
  }
  weir::pipeline through(std::size_t count, saying says, weir::stage_options options,
                         weir::hold_key_options held = {}) {
    return with(
        count,
        [this, says = std::move(says)](int n) -> result<int> {
          begun_.add(n);
          return says(n, ++runs_[n]);
        },
        options, held);
  }
  std::vector<std::string> kept() const {
    std::vector<std::string> all;
    for (const auto& one : letters_.letters())
      all.push_back(one.key + " " + one.payload + ": " + one.why.message());
    return all;
  }

  std::map<int, int> runs_;
  collected<int> begun_;
  collected<int> out_;
  weir::dead_letters::memory letters_;
};

/// Item 0 waits an hour for its third run.
result<int> busy_line(int n, int run) {
  if (n == 0 && run < 3)
    return weir::transient("the line is busy");
  return n;
}

TEST_F(HoldKeyInHand, NoItemOfAKeyBeginsBesideOneThatMayStillFail) {
  running r{through(8, busy_line, {.retry = hourly, .in_flight_max = 4})};
  EXPECT_EQ(runs_, (std::map<int, int>{{0, 2}, {1, 1}, {3, 1}, {5, 1}, {7, 1}}));
  r.pass(1h);
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(8));
  EXPECT_THAT(kept(), ElementsAre());
}

TEST_F(HoldKeyInHand, TheOrderOfAKeyIsKeptWhereThatOfTheStageIsRelaxed) {
  running r{
      through(8, busy_line, {.retry = hourly, .in_flight_max = 4, .order = weir::order::relaxed})};
  EXPECT_THAT(out_.items(), ElementsAre(1, 3, 5, 7));
  r.pass(1h);
  r.finishes();
  EXPECT_THAT(out_.items(), ElementsAre(1, 3, 5, 7, 0, 2, 4, 6));
}

TEST_F(HoldKeyInHand, WhatStoodInLineIsHeldBehindTheLetter) {
  running r{through(8,
                    [](int n, int run) -> result<int> {
                      if (n == 0)
                        return run < 3 ? weir::transient("the line is busy")
                                       : weir::poison("no such line");
                      return n;
                    },
                    {.retry = hourly, .in_flight_max = 4})};
  EXPECT_THAT(kept(), ElementsAre());
  r.pass(1h);
  EXPECT_THAT(kept(), ElementsAre("0 0: no such line", "0 2: held behind numbers:1 of the same key",
                                  "0 4: held behind numbers:1 of the same key",
                                  "0 6: held behind numbers:1 of the same key"));
  EXPECT_EQ(runs_, (std::map<int, int>{{0, 3}, {1, 1}, {3, 1}, {5, 1}, {7, 1}}));
  r.finishes();
  EXPECT_THAT(out_.items(), ElementsAre(1, 3, 5, 7));
}

TEST_F(HoldKeyInHand, AtTheBoundNothingBeginsButWhatIsReplayed) {
  auto broken = std::make_shared<bool>(true);
  running r{through(6,
                    [broken](int n, int) -> result<int> {
                      if (n == 0 && *broken)
                        return weir::poison("no such line");
                      return n;
                    },
                    {.in_flight_max = 4}, {.held_max = 1})};
  EXPECT_THAT(begun_.items(), ElementsAre(0));
  EXPECT_THAT(r.stage("stage").waits_for, StartsWith("its 1 dead letters of 1 held keys"));
  *broken = false;
  ASSERT_TRUE(r->replay());
  r.settle();
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(6));
  EXPECT_THAT(kept(), ElementsAre());
}

TEST_F(HoldKeyInHand, AReplayGoesBeforeWhatStandsInLineAtTheBound) {
  auto broken = std::make_shared<bool>(true);
  running r{through(6,
                    [broken](int n, int run) -> result<int> {
                      if (n == 0 && *broken)
                        return run < 3 ? weir::transient("the line is busy")
                                       : weir::poison("no such line");
                      return n;
                    },
                    {.retry = hourly, .in_flight_max = 4}, {.held_max = 1})};
  EXPECT_THAT(out_.items(), ElementsAre());
  r.pass(1h); // now 2 and 4 stand in line, and no letter more may come
  EXPECT_THAT(kept(), ElementsAre("0 0: no such line"));
  EXPECT_THAT(out_.items(), ElementsAre(1));
  *broken = false;
  ASSERT_TRUE(r->replay());
  r.settle();
  r.finishes();
  EXPECT_EQ(runs_, (std::map<int, int>{{0, 4}, {1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}}));
  EXPECT_THAT(kept(), ElementsAre());
}

TEST_F(HoldKeyInHand, OneWithoutAKeyWaitsForNobody) {
  weir::pipeline p{"in-hand", restarting()};
  p.from("numbers", numbers(4))
      .hold_key([](const int&) { return std::string{}; })
      .via("stage", [this](int n) { return busy_line(n, ++runs_[n]); },
           {.retry = hourly, .in_flight_max = 4})
      .to("sink", out_.sink());
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  EXPECT_EQ(runs_, (std::map<int, int>{{0, 2}, {1, 1}, {2, 1}, {3, 1}}));
  r.pass(1h);
  r.finishes();
}

TEST_F(HoldKeyInHand, AWorkerThatFailsLosesNobodyInLine) {
  running r{through(8,
                    [](int n, int run) -> result<int> {
                      if (n == 0 && run == 1)
                        throw std::runtime_error{"thrown"};
                      return n;
                    },
                    {.retry = hourly, .in_flight_max = 4})};
  r.pass(1h);
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(8));
}

TEST_F(HoldKeyInHand, AnAwaitableStageWaitsForOneItemOfAKeyAtATime) {
  running r{with(6,
                 [begun = begun_](int n) -> awaitable<result<int>> {
                   begun.add(n);
                   co_await weir::sleep_for(1s);
                   if (n == 2)
                     co_return weir::poison("no such line");
                   co_return n;
                 },
                 {.in_flight_max = 4})};
  EXPECT_THAT(begun_.items(), ElementsAre(0, 1));
  r.pass(1s);
  EXPECT_THAT(begun_.items(), ElementsAre(0, 1, 2, 3));
  r.pass(1s);
  EXPECT_THAT(begun_.items(), ElementsAre(0, 1, 2, 3, 5));
  EXPECT_THAT(kept(),
              ElementsAre("0 2: no such line", "0 4: held behind numbers:3 of the same key"));
  r.finishes();
}

TEST_F(HoldKeyInHand, TheKeyOfAStuckItemIsHeld) {
  auto next = std::make_shared<int>(0);
  weir::pipeline p{"in-hand", restarting()};
  p.from("numbers", numbers(4))
      .hold_key(parity)
      .via("stage", [](int n) -> result<int> { return n; },
           {.in_flight_max = 2, .item_time_max = 1s})
      .to("sink", out_.sink());
  p.dead_letters_to(letters_);
  running r{std::move(p), {.helper_delay = [next]() -> weir::clock::duration {
              return (*next)++ == 0 ? weir::clock::duration{1h} : weir::clock::duration{};
            }}};
  r.pass(1min);
  EXPECT_THAT(kept(), ElementsAre("0 0: no progress for 1000 ms",
                                  "0 2: held behind numbers:1 of the same key"));
  r.finishes();
  EXPECT_THAT(out_.items(), ElementsAre(1, 3));
}

/// Gives its settlements to the test, and settles none by itself before it is told to flush.
class collecting_sink {
public:
  using input = int;

  result<void> on_item(const int& n, weir::settlement token, weir::context&) {
    shared_->given.push_back(n);
    shared_->open.push_back(std::move(token));
    return {};
  }
  void flush(weir::context&) {
    for (auto& one : std::exchange(shared_->open, {}))
      one.stored();
  }
  const std::vector<int>& given() const { return shared_->given; }

private:
  struct shared {
    std::vector<int> given;
    std::vector<weir::settlement> open;
  };
  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
};

TEST_F(HoldKeyInHand, ASinkThatGathersIsToldToFlushForThoseWhoStandInLine) {
  const collecting_sink sink;
  weir::pipeline p{"in-hand", restarting()};
  p.from("numbers", numbers(6)).hold_key(parity).to("sink", sink, {.in_flight_max = 4});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.finishes();
  EXPECT_THAT(sink.given(), ElementsAre(0, 1, 2, 3, 4, 5));
}

} // namespace
