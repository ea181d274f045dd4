#include "../threads.hpp"

#include <weir/actors/thread_child.hpp>
#include <weir/connectors/channel.hpp>
#include <weir/dead_letters/dead_letter_memory.hpp>
#include <weir/node/node.hpp>
#include <weir/node/node_view.hpp>
#include <weir/node/parts.hpp>
#include <weir/node/run_report.hpp>
#include <weir/testkit/counted.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <mutex>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <unistd.h>

/// What can be seen of a node: each test that runs one is a process of its own.
namespace {

using namespace std::chrono_literals;

std::string_view name_of(weir::part_view::kind what) {
  switch (what) {
  case weir::part_view::kind::pipeline:
    return "pipeline";
  case weir::part_view::kind::tree:
    return "tree";
  case weir::part_view::kind::child:
    break;
  }
  return "child";
}

/// "tree server running (pipeline server/lines running life 2 restarted for not yet)"
std::string text_of(const weir::part_view& part) {
  auto text =
      std::string{name_of(part.what)} + " " + part.path + " " + std::string{to_string(part.now)};
  for (const auto& one : part.lives)
    text += " life " + std::to_string(one.life) + " of " + one.does.pipeline + " with "
            + std::to_string(one.does.stages.size()) + " stages";
  for (const auto& one : part.last_restarts)
    text += " restarted for " + one.cause;
  std::string below;
  for (const auto& one : part.children)
    below += (below.empty() ? "" : ", ") + text_of(one);
  return below.empty() ? text : text + " (" + below + ")";
}

std::string text_of(const weir::node_view& all) {
  std::string text;
  for (const auto& one : all.children)
    text += (text.empty() ? "" : "; ") + text_of(one);
  return text;
}

weir::node_settings settings() {
  weir::node_settings made;
  made.threads = 2;
  made.progress = "never";
  return made;
}

weir::pipeline pipeline_of(const std::string& name, const weir::channel<int>& from) {
  weir::pipeline made{name};
  made.from("entrance", from.source()).to("sink", [](const int&) {});
  made.dead_letters_to(weir::dead_letters::memory{});
  return made;
}

void wait_for_stop(const std::stop_token& stop) {
  std::mutex lock;
  std::unique_lock guard{lock};
  std::condition_variable_any stopped;
  stopped.wait(guard, stop, [] { return false; });
}

/// A child that looks at the node until `expected` is what it sees, and then tells the process to stop.
weir::start_function looks(const weir::node& at, std::string expected) {
  return weir::thread_child(
      [&at, expected = std::move(expected)](const std::stop_token& stop) -> weir::result<void> {
        std::string seen;
        const bool as_expected = weir_test::eventually([&] {
          seen = text_of(at.view());
          return seen == expected;
        });
        std::cerr << (as_expected ? "as expected" : "saw " + seen) << std::endl;
        ::kill(::getpid(), SIGTERM);
        wait_for_stop(stop);
        return {};
      });
}

class NodeView : public testing::Test {
protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

[[noreturn]] void run_with_tree() {
  weir::node node{settings()};
  const auto runs = std::make_shared<std::atomic<int>>(0);
  const weir::channel<int> beside{{.name = "beside"}};
  weir::tree inner{"inner", {.supervision = {.delays = {.delay_min = 1ms, .delay_max = 1ms}}}};
  inner.add({.id = "b",
             .start = weir::thread_child([runs](const std::stop_token& stop) -> weir::result<void> {
               if (++*runs < 3)
                 return weir::fatal("it is not ready");
               wait_for_stop(stop);
               return {};
             })});
  weir::tree server{"server"};
  server
      .add_pipeline("lines",
                    [] { return pipeline_of("stored", weir::channel<int>{{.name = "within"}}); })
      .add(inner)
      .add({.id = "eye",
            .start = looks(node, "pipeline beside running life 1 of beside with 2 stages; "
                                 "tree server running ("
                                 "pipeline server/lines running life 1 of stored with 2 stages, "
                                 "tree server/inner running (child server/inner/b running "
                                 "restarted for it is not ready restarted for it is not ready), "
                                 "child server/eye running)")});
  const auto before = text_of(node.view());
  const auto code = node.run(pipeline_of("beside", beside), server);
  std::cerr << "before '" << before << "', afterwards '" << text_of(node.view()) << "'"
            << std::endl;
  std::_Exit(code);
}

TEST_F(NodeView, IsOneTreeOfItsPipelinesAndItsTreesWithTheirRestarts) {
  EXPECT_EXIT(run_with_tree(), testing::ExitedWithCode(0),
              "as expected(.|\n)*before '', afterwards ''");
}

/// Each item fails. So the fault is the stage's: one item alone would be a dead letter.
weir::pipeline failing_pipeline() {
  weir::pipeline made{"stored", {.supervision = {.intensity = 0}}};
  made.from("entrance", weir::testkit::numbers(3)).to("sink", [](const int&) -> weir::result<void> {
    return weir::fatal("no room");
  });
  made.dead_letters_to(weir::dead_letters::memory{});
  return made;
}

[[noreturn]] void run_a_pipeline_that_is_restarted() {
  weir::node node{settings()};
  const auto lives = std::make_shared<std::atomic<int>>(0);
  weir::tree server{"server", {.supervision = {.delays = {.delay_min = 1ms, .delay_max = 1ms}}}};
  server
      .add_pipeline("lines",
                    [lives] {
                      return ++*lives == 1
                                 ? failing_pipeline()
                                 : pipeline_of("stored", weir::channel<int>{{.name = "within"}});
                    })
      .add({.id = "eye",
            .start =
                looks(node, "tree server running ("
                            "pipeline server/lines running life 2 of stored with 2 stages "
                            "restarted for pipeline 'stored' ← escalated the failure of 'sink': "
                            "more than 0 restarts within 30000 ms ← stage 'sink' ← no room, "
                            "child server/eye running)")});
  std::_Exit(node.run(server));
}

TEST_F(NodeView, SaysWhyAPipelineOfATreeWasRestarted) {
  EXPECT_EXIT(run_a_pipeline_that_is_restarted(), testing::ExitedWithCode(0), "as expected");
}

[[noreturn]] void run_a_dynamic_tree() {
  weir::node node{settings()};
  weir::tree rooms{"rooms", {.supervision = {.strategy = weir::dynamic}}};
  rooms.add_pipeline("room",
                     [] { return pipeline_of("room", weir::channel<int>{{.name = "within"}}); });
  const auto ref = rooms.ref();
  weir::tree server{"server"};
  server.add(rooms)
      .add({.id = "eye",
            .start = looks(node, "tree server running (tree server/rooms running "
                                 "life 1 of room with 2 stages life 2 of room with 2 stages "
                                 "(pipeline server/rooms/room running, "
                                 "pipeline server/rooms/room running), "
                                 "child server/eye running, child server/opener running)")})
      .add({.id = "opener",
            .start = weir::thread_child([ref](const std::stop_token& stop) -> weir::result<void> {
              ref.start_child().wait();
              ref.start_child().wait();
              wait_for_stop(stop);
              return {};
            })});
  const auto code = node.run(server);
  for (const auto& one : node.report().trees.front().children)
    if (one.pipeline)
      std::cerr << one.path << " had " << one.lives << " lives" << std::endl;
  std::_Exit(code);
}

TEST_F(NodeView, HasThePipelinesOfADynamicTreeTogether) {
  EXPECT_EXIT(run_a_dynamic_tree(), testing::ExitedWithCode(0),
              "as expected(.|\n)*server/rooms/room had 2 lives");
}

TEST_F(NodeView, FindsThePipelinesOfAllLevels) {
  weir::node_view all;
  auto& server = all.children.emplace_back();
  server.path = "server";
  auto& lines = server.children.emplace_back();
  lines.path = "server/lines";
  lines.lives.emplace_back().does.pipeline = "lines";
  auto& beside = all.children.emplace_back();
  beside.path = "beside";
  beside.lives.emplace_back().does.pipeline = "beside";
  std::string found;
  weir::for_each_pipeline(all, [&](const weir::part_view& part, const weir::life_view& one) {
    found += part.path + " runs " + one.does.pipeline + "; ";
  });
  EXPECT_EQ(found, "server/lines runs lines; beside runs beside; ");
}

} // namespace
