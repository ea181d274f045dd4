#include "../temporary_folder.hpp"
#include "replaying.hpp"

#include <weir/connectors/sqlite/dead_letters.hpp>

#include <csignal>
#include <cstdlib>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace weir_test;
using testing::ElementsAre;
using strings = std::vector<std::string>;
using weir::dead_letters::sqlite;

/// Replay from a file: it outlives the process, and others work on it meanwhile.
class ReplayFromAFile : public Replaying {
protected:
  std::shared_ptr<sqlite> file() const {
    return std::make_shared<sqlite>(folder_ / "dead.db",
                                    weir::dead_letters::sqlite_options{.busy_timeout = 1s});
  }
  strings in_file() const {
    auto store = file();
    EXPECT_TRUE(store->open());
    strings all;
    EXPECT_TRUE(weir::for_each_letter(*store, {}, [&](const auto& one) -> weir::result<void> {
      all.push_back(line_of(one));
      return {};
    }));
    return all;
  }

private:
  const temporary_folder folder_;
};

TEST_F(ReplayFromAFile, GoesInOnceAndWhatFailsAgainIsBackWithOneMore) {
  running r{pipeline(file())};
  second.set({1, 2, 3});
  source.push(0, 1, 2, 3, 4);
  dead(r, 3);
  second.set({2});
  const auto once = r->replay();
  const auto twice = r->replay();
  const auto came = outcome(once);
  EXPECT_EQ(came.succeeded, 2U);
  EXPECT_EQ(came.failed_again, 1U);
  outcome(twice); // may have come after the failure of 2, which then has failed once more
  at_rest(r);
  EXPECT_THAT(done.items(), ElementsAre(0, 4, 1, 3));
  ASSERT_EQ(in_file().size(), 1U);
  EXPECT_THAT(in_file().front(), testing::StartsWith("second numbers:3=2 attempts "));
  source.complete();
  r.finishes();
}

TEST_F(ReplayFromAFile, WhatAnotherAsksForIsFoundByLookingFromTimeToTime) {
  running r{pipeline(file(), {.look_every = 2s})};
  second.set({1, 2});
  source.push(1, 2);
  r.settle();
  second.mend();
  const auto tool = file();
  ASSERT_TRUE(tool->open());
  ASSERT_TRUE(tool->request_replay({.ids = {2}}, {}, {"a person with a tool"}));
  r.pass(1900ms);
  EXPECT_THAT(done.items(), ElementsAre());
  r.pass(200ms);
  EXPECT_THAT(done.items(), ElementsAre(2));
  EXPECT_THAT(in_file(), ElementsAre("second numbers:1=1 attempts 1 replays 0 kept"));
  source.complete();
  r.finishes();
}

TEST_F(ReplayFromAFile, LookingMoreOftenThanOnceASecondIsRefused) {
  node here;
  weir::running_pipeline r{pipeline(file(), {.look_every = 999ms}), here.runtime()};
  const auto started = r.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(
      started.error().message(),
      "pipeline 'orders' can't run ← pipeline 'orders': replay.look_every must be at least 1 s");
}

TEST_F(ReplayFromAFile, LookingLessOftenThanOnceAYearIsRefused) {
  node here;
  weir::running_pipeline r{pipeline(file(), {.look_every = weir::duration_max + 1ms}),
                           here.runtime()};
  const auto started = r.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message(),
            "pipeline 'orders' can't run ← pipeline 'orders': replay.look_every must not be longer "
            "than a year, but is 31536000001 ms");
  weir::running_pipeline often_enough{pipeline(file(), {.look_every = weir::duration_max}),
                                      here.runtime()};
  EXPECT_TRUE(often_enough.start());
}

TEST_F(ReplayFromAFile, WhatAKilledProcessWasReplayingTheNextOneReplays) {
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    running r{pipeline(file())};
    second.set({1, 2, 3});
    source.push(0, 1, 2, 3);
    dead(r, 3);
    second.mend();
    // With one of them in hand, and the others claimed.
    *meanwhile = [] { std::raise(SIGKILL); };
    outcome(r->replay());
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
  EXPECT_THAT(in_file(), ElementsAre("second numbers:2=1 attempts 1 replays 0 requested",
                                     "second numbers:3=2 attempts 1 replays 0 requested",
                                     "second numbers:4=3 attempts 1 replays 0 requested"));
  source.complete();
  running next{pipeline(file())};
  next.finishes();
  EXPECT_THAT(done.items(), ElementsAre(1, 2, 3));
  EXPECT_THAT(in_file(), ElementsAre());
}

TEST_F(ReplayFromAFile, HeldKeysAreParkedInTheNextProcessToo) {
  const auto keyed = [&] {
    weir::pipeline p{"orders", restarting()};
    p.from("numbers", source)
        .hold_key([](const int& n) { return n % 10; })
        .to("sink", [this](const int& n) -> weir::result<void> {
          if (auto well = second.look_at(n); !well)
            return well;
          done.add(n);
          return {};
        });
    p.dead_letters_to(file());
    return p;
  };
  second.set({1});
  source.push(1, 2, 11, 12);
  source.complete();
  run(keyed());
  EXPECT_THAT(done.items(), ElementsAre(2, 12));

  source = {};
  running r{keyed()};
  // The probe's positions begin anew: the first four are those of before.
  source.push(1, 2, 11, 12, 21, 22);
  r.settle();
  EXPECT_EQ(done.size(), 5U);
  EXPECT_EQ(in_file().size(), 3U);
  EXPECT_EQ(r.stage("sink").keys_held, 1U);
  second.mend();
  EXPECT_EQ(outcome(r->replay()).succeeded, 3U);
  EXPECT_EQ(r.stage("sink").keys_held, 0U);
  EXPECT_THAT(done.items(), ElementsAre(2, 12, 2, 12, 22, 1, 11, 21));
  source.complete();
  r.finishes();
}

} // namespace
