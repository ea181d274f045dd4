#include "../threads.hpp"

#include <weir/connectors/channel.hpp>

#include <future>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

namespace {

using namespace weir_test;
using weir::outcome;
using weir::result;
using state = weir::running_pipeline::state;

std::string word_of(outcome how) {
  switch (how) {
  case outcome::filtered:
    return "filtered";
  case outcome::acknowledged:
    return "acknowledged";
  case outcome::dropped:
    return "dropped";
  case outcome::dead_lettered:
    return "dead-lettered";
  case outcome::returned:
    return "returned";
  }
  return "?";
}

/// A channel of numbers in front of a stage and a sink. What is told is written down.
class Channel : public testing::Test {
protected:
  using numbers = weir::channel<int>;

  template <class F>
  weir::pipeline through(F stage, weir::stage_options options = {},
                         weir::pipeline_options how = restarting()) {
    weir::pipeline p{"channels", how};
    p.from("numbers", in_.source()).via("stage", stage, options).to("sink", out_);
    p.dead_letters_to(letters_);
    return p;
  }
  weir::pipeline straight_through(weir::stage_options options = {}) {
    weir::pipeline p{"channels", restarting()};
    p.from("numbers", in_.source()).to("sink", out_, options);
    p.dead_letters_to(letters_);
    return p;
  }
  numbers::told note(int item) {
    return [this, item](outcome how) { told_.emplace(item, word_of(how)); };
  }
  void push(std::vector<int> items) {
    for (const int one : items)
      EXPECT_TRUE(in_.try_push(one, note(one))) << one;
  }
  /// What was told since the last call, in the order of the items.
  std::string told() {
    std::string all;
    for (const auto& [item, how] : std::exchange(told_, {}))
      all += (all.empty() ? "" : ", ") + std::to_string(item) + " " + how;
    return all;
  }

  const numbers in_{{.name = "numbers", .capacity = 4}};
  const sink_probe<int> out_;
  weir::dead_letters::memory letters_;
  std::multimap<int, std::string> told_;
};

// --- pushing -----------------------------------------------------------------------------------------

TEST_F(Channel, TakesAsManyAsItHasRoomForBeforeThePipelineStarts) {
  push({1, 2, 3, 4});
  EXPECT_FALSE(in_.try_push(5));
  EXPECT_EQ(in_.waiting(), 4U);
  running r{straight_through()};
  out_.expect({1, 2, 3, 4});
  EXPECT_EQ(in_.waiting(), 0U);
  push({5});
  r.settle();
  out_.expect({5});
  in_.close();
  r.finishes();
}

TEST_F(Channel, FillsUpWhileThePipelineHasNoRoom) {
  const auto slow = sink_probe<int>::on_request();
  weir::pipeline p{"channels"};
  p.from("numbers", in_.source()).to("sink", slow, {.mailbox_capacity = 2});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  int taken = 0;
  while (in_.try_push(taken)) {
    ++taken;
    r.settle();
  }
  EXPECT_EQ(taken, 6) << "two in the mailbox, four in the channel";
  slow.request(1);
  r.settle();
  EXPECT_TRUE(in_.try_push(taken));
  EXPECT_FALSE(in_.try_push(taken));
  slow.request(100);
  in_.close();
  r.finishes();
  slow.expect({0, 1, 2, 3, 4, 5, 6});
}

TEST(ChannelOfText, LeavesWhatItHasNoRoomForWithWhoPushes) {
  const weir::channel<std::string> texts{{.capacity = 1}};
  std::string first = "the first of some length";
  std::string second = "the second of some length";
  EXPECT_TRUE(texts.try_push(std::move(first)));
  EXPECT_FALSE(texts.try_push(std::move(second)));
  EXPECT_EQ(second, "the second of some length");
  texts.close();
  EXPECT_EQ(texts.push(std::move(second)).error().message(), "channel 'channel' is closed");
  EXPECT_EQ(second, "the second of some length");
}

TEST_F(Channel, CloseEndsTheStreamBehindWhatItHas) {
  running r{straight_through()};
  push({1, 2});
  in_.close();
  EXPECT_TRUE(in_.over());
  EXPECT_EQ(in_.push(3).error().message(), "channel 'numbers' is closed");
  EXPECT_FALSE(in_.try_push(3));
  r.finishes();
  out_.expect({1, 2});
  EXPECT_EQ(told(), "1 acknowledged, 2 acknowledged");
}

TEST_F(Channel, ThatIsClosedWhileNothingHappensEndsThePipeline) {
  running r{straight_through()};
  in_.close();
  r.finishes();
}

TEST_F(Channel, HasOneSource) {
  const auto source = in_.source();
  EXPECT_THROW(std::ignore = in_.source(), std::logic_error);
}

// --- the outcome -------------------------------------------------------------------------------------

TEST_F(Channel, TellsHowEachItemEnded) {
  running r{through([](const int& n) -> result<std::optional<int>> {
    if (n == 3)
      return weir::poison("a three");
    return n == 2 ? std::nullopt : std::optional{n};
  })};
  push({1, 2, 3, 4});
  r.settle();
  EXPECT_TRUE(in_.try_push(5)) << "nobody is told of this one";
  in_.close();
  r.finishes();
  out_.expect({1, 4, 5});
  EXPECT_EQ(told(), "1 acknowledged, 2 filtered, 3 dead-lettered, 4 acknowledged");
  EXPECT_THAT(letters_.letters().at(0).source, testing::StartsWith("numbers@"));
  EXPECT_EQ(letters_.letters().at(0).position, 3U);
}

TEST_F(Channel, AnItemThatRunsAgainHoldsUpNobodyElsesOutcome) {
  int tries = 0;
  running r{through(
      [&tries](const int& n) -> result<int> {
        if (n == 1 && ++tries < 3)
          return weir::transient("the line is busy");
        return n;
      },
      {.retry = {.delay_min = 1h, .delay_max = 1h, .jitter = 0},
       .in_flight_max = 4,
       .order = weir::order::relaxed})};
  push({1, 2, 3});
  r.settle();
  EXPECT_EQ(told(), "2 acknowledged, 3 acknowledged");
  in_.close();
  r.pass(59min);
  EXPECT_EQ(told(), "");
  r.finishes();
  EXPECT_EQ(told(), "1 acknowledged");
}

TEST_F(Channel, WithManyInHandEachIsToldOnce) {
  const weir::channel<int> many{{.name = "many", .capacity = 1000}};
  std::vector<int> times(1000, 0);
  std::size_t told_of = 0;
  int tries = 0;
  weir::pipeline p{"channels", restarting()};
  p.from("many", many.source())
      .via("stage",
           [&tries](const int& n) -> result<int> {
             if (n == 0 && ++tries < 3)
               return weir::transient("the line is busy");
             return n;
           },
           {.retry = {.delay_min = 1h, .delay_max = 1h, .jitter = 0},
            .in_flight_max = 4,
            .order = weir::order::relaxed})
      .to("sink", out_);
  p.dead_letters_to(letters_);
  for (int n = 0; n < 1000; ++n)
    EXPECT_TRUE(many.try_push(n, [&, n](outcome) {
      ++times[static_cast<std::size_t>(n)];
      ++told_of;
    }));
  running r{std::move(p)};
  r.pass(1s);
  EXPECT_EQ(told_of, 999U) << "all but the first, which waits for its retry";
  many.close();
  r.finishes();
  EXPECT_EQ(times, std::vector<int>(1000, 1));
}

// --- restarts ----------------------------------------------------------------------------------------

TEST_F(Channel, ARestartOfTheSourceLosesNothing) {
  const auto slow = sink_probe<int>::on_request();
  weir::pipeline p{"channels", restarting()};
  p.from("numbers", in_.source()).to("sink", slow, {.mailbox_capacity = 2});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  push({1, 2, 3, 4});
  r.settle();
  r->kill(0);
  r.pass(1s);
  EXPECT_EQ(r.stage("numbers").restarts, 1U);
  push({5, 6});
  in_.close();
  slow.request(100);
  r.finishes();
  slow.expect({1, 2, 3, 4, 5, 6});
  EXPECT_EQ(told(), "1 acknowledged, 2 acknowledged, 3 acknowledged, 4 acknowledged, "
                    "5 acknowledged, 6 acknowledged");
}

// --- the end -----------------------------------------------------------------------------------------

TEST_F(Channel, ADrainGivesBackWhatThePipelineHasNotTaken) {
  const auto slow = sink_probe<int>::on_request();
  weir::pipeline p{"channels"};
  p.from("numbers", in_.source()).to("sink", slow, {.mailbox_capacity = 2});
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  push({1, 2, 3, 4});
  r.settle();
  EXPECT_EQ(in_.take_back(), std::vector<int>{}) << "the pipeline may still take them";
  r->drain();
  EXPECT_EQ(in_.push(5).error().message(), "channel 'numbers': its pipeline has ended");
  r.settle();
  EXPECT_EQ(told(), "3 returned, 4 returned");
  slow.request(100);
  r.finishes();
  slow.expect({1, 2});
  EXPECT_EQ(told(), "1 acknowledged, 2 acknowledged");
  EXPECT_EQ(in_.take_back(), (std::vector{3, 4}));
}

TEST_F(Channel, AfterAnAbortNobodyIsToldOfWhatHasNoOutcome) {
  const auto slow = sink_probe<int>::on_request();
  const auto kept_by_told = std::make_shared<int>();
  std::string told;
  {
    weir::pipeline p{"channels"};
    p.from("numbers", in_.source()).to("sink", slow, {.mailbox_capacity = 2});
    p.dead_letters_to(letters_);
    running r{std::move(p)};
    for (const int n : {1, 2, 3, 4})
      EXPECT_TRUE(in_.try_push(n, [&, n, kept_by_told](outcome how) {
        told += std::to_string(n) + " " + word_of(how);
      }));
    slow.request(1);
    r.settle();
    r->abort();
    EXPECT_EQ(in_.push(5).error().message(), "channel 'numbers': its pipeline has ended");
    EXPECT_EQ(r.ended(), state::failed);
  }
  EXPECT_EQ(told, "1 acknowledged");
  EXPECT_EQ(kept_by_told.use_count(), 1) << "they are destroyed with the pipeline";
  EXPECT_EQ(in_.take_back().back(), 4);
}

TEST_F(Channel, IsOverWithAPipelineThatNeverStarted) {
  push({1, 2, 3, 4});
  { const auto never = straight_through(); }
  EXPECT_EQ(in_.push(5).error().message(), "channel 'numbers': its pipeline has ended");
  EXPECT_EQ(in_.take_back(), (std::vector{1, 2, 3, 4}));
  EXPECT_EQ(told(), "");
}

// --- threads -----------------------------------------------------------------------------------------

TEST(ChannelOfThreads, PushWaitsForRoomAndLosesNothing) {
  const weir::channel<int> in{{.name = "numbers", .capacity = 2}};
  std::vector<std::vector<int>> seen(4);
  weir::pipeline p{"channels"};
  p.from("numbers", in.source())
      .to("sink",
          [&](const int& one) noexcept {
            seen[static_cast<std::size_t>(one / 1000)].push_back(one % 1000);
          },
          {.mailbox_capacity = 2});
  running_on_threads r{std::move(p)};
  std::vector<std::thread> pushing;
  for (int who = 0; who < 4; ++who)
    pushing.emplace_back([&, who] {
      for (int n = 0; n < 1000; ++n)
        EXPECT_TRUE(in.push(who * 1000 + n));
    });
  for (auto& one : pushing)
    one.join();
  in.close();
  r.finishes();
  EXPECT_EQ(seen, std::vector<std::vector<int>>(4, up_to(1000)));
}

/// What a push is told that waits for room at the end, or comes too late.
template <class End>
std::string refused(const weir::channel<int>& in, End end) {
  while (in.try_push(0))
    ;
  auto answer = std::async(std::launch::async, [&] {
    for (;;)
      if (const auto pushed = in.push(1); !pushed)
        return pushed.error().message();
  });
  end();
  return answer.get();
}

TEST(ChannelOfThreads, WhoWaitsForRoomIsToldOfTheEnd) {
  const weir::channel<int> closed{{.name = "closed", .capacity = 2}};
  EXPECT_EQ(refused(closed, [&] { closed.close(); }), "channel 'closed' is closed");

  const weir::channel<int> in{{.name = "aborted", .capacity = 2}};
  const gate held;
  weir::pipeline p{"channels"};
  p.from("in", in.source())
      .to("sink", [held](const int&) noexcept { held.pass(); }, {.mailbox_capacity = 1});
  running_on_threads r{std::move(p)};
  ASSERT_TRUE(in.push(0));
  ASSERT_TRUE(held.wait_for(1));
  EXPECT_EQ(refused(in, [&] { r->abort(); }), "channel 'aborted': its pipeline has ended");
  held.open();
  EXPECT_EQ(r.ended(), state::failed);

  const weir::channel<int> unused{{.name = "unused", .capacity = 2}};
  std::optional<weir::pipeline> never{"channels"};
  never->from("in", unused.source()).to("sink", [](const int&) noexcept {});
  EXPECT_EQ(refused(unused, [&] { never.reset(); }), "channel 'unused': its pipeline has ended");
}

} // namespace
