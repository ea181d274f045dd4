#include <weir/node/progress.hpp>
#include <weir/node/trouble_watch.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>

#include <gtest/gtest.h>

/// What a node's watch for trouble says of pipelines that stand beside its trees, and in them. Each test is a process of
/// its own, for the sake of what it writes to standard error. The times are given, and nothing is waited for.
namespace {

using namespace std::chrono_literals;

weir::stage_view stage_of(std::uint64_t failed) {
  weir::stage_view made;
  made.stage = "parse";
  made.failed = failed;
  made.last_failure = "garbage";
  return made;
}

weir::part_view pipeline_at(std::string path, std::uint64_t life, weir::stage_view stage) {
  weir::part_view made;
  made.path = std::move(path);
  made.what = weir::part_view::kind::pipeline;
  auto& lives = made.lives.emplace_back();
  lives.life = life;
  lives.does.pipeline = "lines";
  lives.does.stages.push_back(std::move(stage));
  return made;
}

weir::node_view with_tree(weir::part_view child) {
  weir::part_view tree;
  tree.path = "server";
  tree.what = weir::part_view::kind::tree;
  tree.children.push_back(std::move(child));
  weir::node_view made;
  made.children.push_back(std::move(tree));
  return made;
}

/// Looks at each of the views, a period after the one before.
template <class... View>
[[noreturn]] void look_at(View... views) {
  weir::internal::progress line{std::cerr, {}};
  weir::internal::log log{"info", "text", line};
  weir::time_point now{};
  weir::internal::trouble_watch watch{now};
  const auto look = [&](const weir::node_view& one) {
    now += weir::internal::trouble_watch::period;
    watch.look([&] { return one; }, now, log);
    std::cerr << "looked" << std::endl;
  };
  (look(views), ...);
  std::_Exit(0);
}

class TroubleWatch : public testing::Test {
protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(TroubleWatch, NamesAPipelineOfATreeByItsPath) {
  EXPECT_EXIT(look_at(with_tree(pipeline_at("server/lines", 1, stage_of(3)))),
              testing::ExitedWithCode(0),
              "warning runs failed pipeline=server/lines stage=parse count=3 last=garbage\n");
}

weir::stage_view waiting_to_try_again(weir::time_point since) {
  auto made = stage_of(0);
  auto& worker = made.workers.emplace_back();
  worker.name = "parse/1";
  worker.does = weir::waiting_as::retry;
  worker.since = since;
  worker.last_failure = "come back in an hour";
  return made;
}

weir::node_view seen_at(weir::time_point now, weir::stage_view stage) {
  auto made = with_tree(pipeline_at("server/lines", 1, std::move(stage)));
  made.children[0].children[0].lives[0].does.seen_at = now;
  return made;
}

TEST_F(TroubleWatch, TellsOnceOfEachLongWaitBeforeAnotherTry) {
  const weir::time_point first{};
  const auto second = first + 70s;
  EXPECT_EXIT(look_at(seen_at(first + 59s, waiting_to_try_again(first)),
                      seen_at(first + 60s, waiting_to_try_again(first)),
                      seen_at(first + 65s, waiting_to_try_again(first)),
                      seen_at(second + 60s, waiting_to_try_again(second))),
              testing::ExitedWithCode(0),
              "^looked\n"
              "[^\n]*waits for more than a minute before it tries again pipeline=server/lines "
              "worker=parse/1 last=\"come back in an hour\"\nlooked\n"
              "looked\n"
              "[^\n]*waits for more than a minute[^\n]*\nlooked\n$");
}

TEST_F(TroubleWatch, SaysWhatAStageOfATreesPipelineWaitsFor) {
  auto stage = stage_of(0);
  stage.waits_for = "a letter's key";
  EXPECT_EXIT(look_at(with_tree(pipeline_at("server/lines", 1, stage))), testing::ExitedWithCode(0),
              "a stage takes nothing any more pipeline=server/lines stage=parse waits_for=");
}

TEST_F(TroubleWatch, TellsOfAWorkerInACallThatDoesNotReturn) {
  auto stage = stage_of(0);
  auto& worker = stage.workers.emplace_back();
  worker.name = "parse";
  worker.state = weir::internal::worker::state::running;
  worker.does = weir::waiting_as::busy;
  auto part = pipeline_at("server/lines", 1, stage);
  part.lives.front().does.seen_at = worker.since + 7s;
  EXPECT_EXIT(look_at(with_tree(part)), testing::ExitedWithCode(0),
              "a worker is in a call that does not return pipeline=server/lines worker=parse "
              "seconds=7\n");
}

TEST_F(TroubleWatch, TellsOfDeadLettersThatAreRefused) {
  auto part = pipeline_at("server/lines", 1, stage_of(0));
  part.lives.front().does.dead_letters_waiting = 2;
  part.lives.front().does.dead_letters_trouble = "full";
  EXPECT_EXIT(look_at(with_tree(part)), testing::ExitedWithCode(0),
              "dead letters are refused pipeline=server/lines waiting=2 why=full\n");
}

TEST_F(TroubleWatch, CountsOnlyWhatFailedSinceTheLastLook) {
  EXPECT_EXIT(look_at(with_tree(pipeline_at("server/lines", 1, stage_of(3))),
                      with_tree(pipeline_at("server/lines", 1, stage_of(3))),
                      with_tree(pipeline_at("server/lines", 1, stage_of(5)))),
              testing::ExitedWithCode(0), "count=3 last=garbage\nlooked\nlooked\n.*count=2 ");
}

TEST_F(TroubleWatch, CountsFromTheBeginningInAnotherLifeOfAPipeline) {
  EXPECT_EXIT(look_at(with_tree(pipeline_at("server/lines", 1, stage_of(3))),
                      with_tree(pipeline_at("server/lines", 2, stage_of(1)))),
              testing::ExitedWithCode(0), "count=3 last=garbage\nlooked\n.*count=1 last=garbage\n");
}

} // namespace
