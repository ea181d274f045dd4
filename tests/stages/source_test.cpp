#include "../threads.hpp"

#include <functional>
#include <set>
#include <string>

#include <gmock/gmock.h>

namespace {

using namespace weir_test;
using weir::context;
using weir::intake;
using weir::result;
using weir::source_state;

/// A source whose poll is written in the test.
template <class T>
struct scripted {
  using output = T;
  std::function<result<source_state>(intake<T>&, context&)> script;
  std::function<void(context&)> starts = [](context&) {};
  std::uint64_t after = 0;

  void on_start(context& where) { starts(where); }
  result<source_state> poll(intake<T>& in, context& where) { return script(in, where); }
  std::string partition() const { return "partition-7"; }
  std::uint64_t resume_after() const { return after; }
};

/// A sink that can't take anything: every item becomes a dead letter, which says where it came from.
result<void> refuse(const int&) { return weir::poison("refused"); }

class Source : public testing::Test {
protected:
  template <class S>
  weir::pipeline into_sink(S source) {
    weir::pipeline p{"sources", restarting()};
    p.from("source", std::move(source), {.retry = at_once()}).to("sink", out_.sink());
    p.dead_letters_to(letters_);
    return p;
  }
  template <class S>
  weir::pipeline into_dead_letters(S source) {
    weir::pipeline p{"sources", restarting()};
    p.from("source", std::move(source), {.retry = at_once()}).to("sink", refuse);
    p.dead_letters_to(letters_);
    return p;
  }
  std::vector<std::string> places() const {
    std::vector<std::string> all;
    for (const auto& one : letters_.letters())
      all.push_back(one.source + ":" + std::to_string(one.position) + "=" + one.payload);
    return all;
  }

  collected<int> out_;
  weir::dead_letters::memory letters_;
};

TEST_F(Source, IsPolledUntilItIsDone) {
  // As far as there is room, so that it takes several polls.
  EXPECT_EQ(run(into_sink(numbers(5000))).ledger.acknowledged, 5000U);
  EXPECT_EQ(out_.items(), up_to(5000));
}

/// Puts these items at these positions, as far as there is room, and is done with the last one.
auto placed(std::vector<std::pair<int, std::uint64_t>> items) {
  return [items, next = std::size_t{0}](intake<int>& in, context&) mutable {
    for (; in.room() > 0 && next < items.size(); ++next)
      in.put(items[next].first, items[next].second);
    return next == items.size() ? source_state::done : source_state::more;
  };
}

TEST_F(Source, MayPutItsLastItemsAndBeDoneAtOnce) {
  run(into_sink(scripted<int>{placed({{10, 1}, {20, 2}})}));
  EXPECT_EQ(out_.items(), (std::vector{10, 20}));
}

TEST_F(Source, ThatWaitsIsWokenByWhatItWaitsFor) {
  source_probe<int> hand;
  running r{into_sink(hand)};
  hand.push(1);
  r.settle();
  EXPECT_EQ(out_.size(), 1U);
  hand.push(2, 3);
  r.settle();
  EXPECT_EQ(out_.size(), 3U);
  hand.complete();
  r.finishes();
  EXPECT_EQ(out_.items(), (std::vector{1, 2, 3}));
}

TEST_F(Source, ThatWaitsIsWokenAtTheTimeItAskedFor) {
  run(into_sink(scripted<int>{[n = 0](intake<int>& in, context& where) mutable {
    in.put(n);
    where.wake_at(where.now() + 1ms);
    return ++n == 3 ? source_state::done : source_state::wait;
  }}));
  EXPECT_EQ(out_.items(), (std::vector{0, 1, 2}));
}

TEST_F(Source, NamesItsLaneAndItsPositionsInDeadLetters) {
  // The gaps are of a few positions, and of more than one word of the books.
  const auto done =
      run(into_dead_letters(scripted<int>{placed({{10, 1}, {20, 5}, {30, 6}, {40, 500}})}));
  EXPECT_EQ(places(), (std::vector<std::string>{"partition-7:1=10", "partition-7:5=20",
                                                "partition-7:6=30", "partition-7:500=40"}));
  EXPECT_EQ(done.ledger.admitted, 4U);
}

TEST_F(Source, WithoutALaneNameIsItsOwnLane) {
  run(into_dead_letters(numbers(1)));
  EXPECT_EQ(places(), std::vector<std::string>{"source:1=0"});
}

TEST_F(Source, MayLeaveLargeGapsBetweenAllItsItems) {
  // Far more positions than the books keep at a time, while the sink holds everything up.
  constexpr int items = 300;
  auto out = sink_probe<int>::on_request();
  weir::pipeline p{"gaps"};
  p.from("source", scripted<int>{[n = 0](intake<int>& in, context&) mutable {
           for (; in.room() > 0 && n < items; ++n)
             in.put(n, 1 + static_cast<std::uint64_t>(n) * 100'000);
           return n == items ? source_state::done : source_state::more;
         }})
      .to("sink", out);
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  EXPECT_GT(r.ledger().in_flight, 0U);
  out.request(items);
  r.finishes();
  EXPECT_EQ(out.items(), up_to(items));
  EXPECT_EQ(r.ledger().acknowledged, static_cast<std::uint64_t>(items));
}

TEST_F(Source, WithLargeGapsReadsNothingTwiceWhenItIsRestarted) {
  constexpr std::uint64_t step = 100'000;
  auto next = std::make_shared<std::uint64_t>(0);
  auto failed = std::make_shared<std::set<int>>();
  weir::pipeline p{"gaps", restarting(5, weir::one_for_all)};
  p.from("source", scripted<int>{[next](intake<int>& in, context&) {
                                   for (; in.room() > 0 && *next < 100; ++*next)
                                     in.put(static_cast<int>(*next), 1 + *next * step);
                                   return *next == 100 ? source_state::done : source_state::more;
                                 },
                                 [next](context& where) {
                                   *next = (where.last_position() + step - 1) / step;
                                 }})
      .via("stage",
           [failed](int n) {
             if (n % 3 == 1 && failed->insert(n).second)
               throw n;
             return n;
           },
           {.retry = at_once()})
      .to("sink", out_.sink());
  p.dead_letters_to(letters_);
  running r{std::move(p)};
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(100));
  EXPECT_EQ(r.ledger(), (weir::ledger_totals{.admitted = 100, .acknowledged = 100}));
  EXPECT_EQ(r.stage("source").last_failure, "");
}

TEST_F(Source, BeginsBehindWhatAnEarlierLifeHadSettled) {
  std::uint64_t began_after = 0;
  run(into_dead_letters(scripted<int>{[](intake<int>& in, context&) {
                                        in.put(1);
                                        return source_state::done;
                                      },
                                      [&](context& where) { began_after = where.last_position(); },
                                      41}));
  EXPECT_EQ(began_after, 41U);
  EXPECT_EQ(places(), std::vector<std::string>{"partition-7:42=1"});
}

/// Reads 0 … 99 as a file would be read, and throws in the middle of every third poll.
scripted<int> clumsy(std::shared_ptr<int> polls) {
  auto next = std::make_shared<std::uint64_t>(0);
  return {[=](intake<int>& in, context&) -> result<source_state> {
            ++*polls;
            for (int k = 0; k < 5 && in.room() > 0 && *next < 100; ++k) {
              in.put(static_cast<int>(*next));
              ++*next;
              if (k == 2 && *polls % 3 == 0)
                throw std::runtime_error{"the disk has slipped"};
            }
            return *next == 100 ? source_state::done : source_state::more;
          },
          [=](context& where) { *next = where.last_position(); }};
}

TEST_F(Source, ThatThrowsIsStartedAgainBehindWhatItHadPut) {
  auto polls = std::make_shared<int>(0);
  running r{into_sink(clumsy(polls))};
  r.finishes();
  EXPECT_EQ(out_.items(), up_to(100));
  EXPECT_GT(r.stage("source").restarts, 0U);
  EXPECT_EQ(r.ledger().admitted, 100U);
}

TEST_F(Source, ThatThrowsWithoutProgressIsGivenUp) {
  running r{into_sink(scripted<int>{[](intake<int>&, context&) -> result<source_state> {
    throw std::runtime_error{"no such file"};
  }})};
  EXPECT_EQ(r.ended(), weir::running_pipeline::state::failed);
  EXPECT_THAT(r->why().message(), testing::EndsWith("stage 'source' ← no such file"));
}

TEST_F(Source, ThatCantReadForNowIsAskedAgain) {
  const auto done = run(
      into_sink(scripted<int>{[n = 0](intake<int>& in, context&) mutable -> result<source_state> {
        if (++n < 20)
          return weir::transient("not yet");
        in.put(n);
        return source_state::done;
      }}));
  EXPECT_EQ(out_.items(), std::vector{20});
  EXPECT_EQ(done.stages.front().failed, 19U);
  EXPECT_EQ(done.stages.front().restarts, 0U);
}

TEST_F(Source, ThatPutsMoreThanThereIsRoomForFails) {
  weir::testkit::node here;
  auto& r = here.run(into_sink(scripted<int>{[](intake<int>& in, context&) -> source_state {
    for (;;) // and again in its next life, without end
      in.put(0);
  }}));
  EXPECT_TRUE(here.until([&] { return counts_of(r, "source").failed > 0; }));
  EXPECT_EQ(counts_of(r, "source").last_failure,
            "weir: a source put more items than there was room for");
  r.abort();
  here.finish(r);
  EXPECT_TRUE(r.snapshot().ledger.balanced()) << to_string(r.snapshot());
}

TEST_F(Source, ThatGoesBackFails) {
  running r{into_sink(scripted<int>{[](intake<int>& in, context&) -> source_state {
    in.put(1, 7);
    return source_state::more;
  }})};
  EXPECT_EQ(r.ended(), weir::running_pipeline::state::failed);
  EXPECT_THAT(r->why().message(),
              testing::EndsWith("weir: a source put position 7 after position 7"));
  EXPECT_EQ(r.ledger().admitted, 1U);
}

TEST_F(Source, ThatGoesBeyondThePositionsThereAreFails) {
  running r{into_sink(scripted<int>{[](intake<int>& in, context&) -> source_state {
    in.put(1, 1'700'000'000'000'000); // a time in microseconds
    return source_state::more;
  }})};
  EXPECT_EQ(r.ended(), weir::running_pipeline::state::failed);
  EXPECT_THAT(
      r->why().message(),
      testing::EndsWith("weir: a source put position 1700000000000000, beyond the last "
                        "one there is, 281474976710655 (2^48 - 1): positions are line numbers, "
                        "offsets, or times in milliseconds"));
}

TEST_F(Source, ThatResumesBeyondThePositionsThereAreIsNotStarted) {
  weir::virtual_runtime node;
  weir::running_pipeline r{
      into_sink(scripted<int>{.script = {}, .after = weir::internal::origin::position_max + 1}),
      node};
  const auto started = r.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(
      started.error().message(),
      testing::HasSubstr(
          "partition 'partition-7': position 281474976710656, beyond the last one there is"));
}

TEST_F(Source, ThatHasUsedUpThePositionsFails) {
  scripted<int> source{[](intake<int>& in, context&) -> source_state {
    while (in.room() > 0)
      in.put(1);
    return source_state::more;
  }};
  source.after = weir::internal::origin::position_max - 100;
  running r{into_sink(source)};
  EXPECT_EQ(r.ended(), weir::running_pipeline::state::failed);
  EXPECT_THAT(r->why().message(), testing::HasSubstr("beyond the last one there is"));
  EXPECT_EQ(r.ledger().admitted, 100U);
}

TEST_F(Source, ThatBlocksIsToldToStop) {
  gate reading;
  weir::pipeline p{"sources"};
  p.from("source", scripted<int>{[reading](intake<int>&, context& where) {
           reading.open();
           return eventually([&] { return where.stopping().stop_requested(); })
                      ? source_state::wait
                      : source_state::done;
         }},
         {.execution = weir::execution::own_thread})
      .to("sink", out_.sink());
  running_on_threads r{std::move(p)};
  reading.pass();
  r->drain();
  r.finishes();
}

TEST_F(Source, InItsBackOffDoesNotHoldUpADrain) {
  running r{into_sink(scripted<int>{[](intake<int>&, context&) -> result<source_state> {
    return weir::transient("the other side says: in an hour", 1h);
  }})};
  EXPECT_GT(r.stage("source").failed, 0U);
  r->drain();
  r.finishes();
}

} // namespace
