#include <weir/actors/sleep.hpp>
#include <weir/actors/thread_child.hpp>
#include <weir/connectors/channel.hpp>
#include <weir/dead_letters/dead_letter_memory.hpp>
#include <weir/node/node.hpp>
#include <weir/node/parts.hpp>
#include <weir/node/report.hpp>
#include <weir/node/run_verdict.hpp>
#include <weir/stages/awaitable.hpp>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

/// A node that runs trees. Each test that runs one is a process of its own.
namespace {

using namespace std::chrono_literals;

struct numbers {
  using output = int;
  int last;
  int next = 1;

  weir::source_state poll(weir::intake<int>& in, weir::context&) {
    for (; in.room() > 0 && next <= last; ++next)
      in.put(next);
    return next <= last ? weir::source_state::more : weir::source_state::done;
  }
};
constexpr int endless = 2'000'000'000;

template <class Sink>
weir::pipeline pipeline_of(std::string name, int last, Sink sink) {
  weir::pipeline made{std::move(name)};
  made.from("numbers", numbers{last}).to("sink", std::move(sink));
  made.dead_letters_to(weir::dead_letters::memory{});
  return made;
}
void ignore(const int&) {}

void wait_for_stop(const std::stop_token& stop) {
  std::mutex lock;
  std::unique_lock guard{lock};
  std::condition_variable_any stopped;
  stopped.wait(guard, stop, [] { return false; });
}

/// Does not listen: what it waits for never comes.
[[noreturn]] void hang() {
  std::mutex lock;
  std::unique_lock guard{lock};
  std::condition_variable never;
  while (true)
    never.wait(guard);
}

/// A child that runs until it is told to stop, and then does `last`.
weir::start_function stays(std::function<void()> last = [] {}) {
  return weir::thread_child(
      [last = std::move(last)](const std::stop_token& stop) -> weir::result<void> {
        wait_for_stop(stop);
        last();
        return {};
      });
}

/// A child that is there, and tells the process to stop.
weir::start_function sends(int signal) {
  return weir::thread_child([signal](const std::stop_token& stop) -> weir::result<void> {
    ::kill(::getpid(), signal);
    wait_for_stop(stop);
    return {};
  });
}

weir::node_settings settings(std::chrono::milliseconds drain_timeout = 1h) {
  weir::node_settings made;
  made.threads = 2;
  made.progress = "never";
  made.drain_timeout = drain_timeout;
  return made;
}

/// "0: drained and balanced; server ended; server/a ended 1 starts 0 restarts 0 failures"
std::string summary(const weir::node& of) {
  const auto& report = of.report();
  auto text = std::to_string(report.outcome.exit_code) + ": " + report.outcome.sentence;
  for (const auto& one : report.pipelines)
    text += "; " + one.pipeline + " in flight " + std::to_string(one.ledger.in_flight);
  for (const auto& tree : report.trees) {
    text += "; " + tree.tree + " " + tree.state;
    for (const auto& one : tree.children) {
      text += "; " + one.path + " " + one.state + " " + std::to_string(one.starts) + " starts "
              + std::to_string(one.restarts) + " restarts " + std::to_string(one.failures)
              + " failures";
      if (one.pipeline)
        text += ", " + to_string(one.pipeline->ledger);
    }
  }
  return text + "\n";
}

/// Runs it, and exits with what the run answered.
template <class... Part>
[[noreturn]] void run(weir::node_settings how, Part... all) {
  weir::node node{std::move(how)};
  const auto code = node.run(std::move(all)...);
  std::cerr << summary(node) << std::flush;
  std::_Exit(code);
}

class NodeTree : public testing::Test {
protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(NodeTree, EndsTheProgramWhenAllItsChildrenHaveEnded) {
  weir::tree inner{"inner"};
  inner.add(
      {.id = "b",
       .start = weir::thread_child([](const std::stop_token&) { return weir::result<void>{}; }),
       .restart = weir::restart::transient});
  weir::tree server{"server"};
  server.add_pipeline("a", [] { return pipeline_of("three", 3, ignore); }).add(inner);
  EXPECT_EXIT(
      run(settings(), server), testing::ExitedWithCode(0),
      "0: finished and balanced; server ended; server/a ended 1 starts 0 restarts 0 "
      "failures, [^;]*acknowledged 3 [^;]*in flight 0; server/inner ended 1 starts 0 restarts 0 "
      "failures; server/inner/b ended 1 starts");
}

TEST_F(NodeTree, ThatEscalatesDrainsTheOthersAndTheRunHasFailed) {
  const auto taken = std::make_shared<std::atomic<bool>>(false);
  weir::tree server{"server", {.supervision = {.intensity = 0}}};
  server.add({.id = "a", .start = stays()})
      .add({.id = "b",
            .start = weir::thread_child([taken](const std::stop_token&) -> weir::result<void> {
              taken->wait(false);
              return weir::fatal("out of order");
            })});
  auto other = pipeline_of("other", endless, [taken](const int&) {
    taken->store(true);
    taken->notify_all();
  });
  EXPECT_EXIT(
      run(settings(), std::move(other), server), testing::ExitedWithCode(weir::exit_codes::failed),
      "a tree failed: draining the others tree=server(.|\n)*1: failed: "
      "supervisor 'server'[^;]*out of order; other in flight 0; server failed; server/a ended");
}

TEST_F(NodeTree, ThatCanNotStartHasFailed) {
  weir::tree server{"server"};
  server.add({.id = "a", .start = [](const weir::child_link&) -> weir::start_answer {
                return weir::fatal("no antenna");
              }});
  EXPECT_EXIT(run(settings(), server), testing::ExitedWithCode(weir::exit_codes::failed),
              "1: failed: [^;]*no antenna");
}

TEST_F(NodeTree, WithoutAChildThatCanBeStartedIsRefused) {
  weir::tree server{"server"};
  server.add({.id = "a"});
  EXPECT_EXIT(run(settings(), server), testing::ExitedWithCode(weir::exit_codes::failed),
              "did not start: [^;]*tree 'server'[^;]*'a': start is missing");
}

TEST_F(NodeTree, IsStoppedByASignalFromTheLastChildToTheFirst) {
  weir::tree server{"server"};
  weir::tree inner{"inner"};
  inner.add({.id = "b", .start = stays([] { std::cerr << "b stops\n"; })})
      .add({.id = "c", .start = stays([] { std::cerr << "c stops\n"; })});
  server.add({.id = "a", .start = stays([] { std::cerr << "a stops\n"; })})
      .add(inner)
      .add({.id = "d", .start = sends(SIGTERM)});
  EXPECT_EXIT(run(settings(), server), testing::ExitedWithCode(0),
              "draining signal=SIGTERM(.|\n)*c stops\n(.|\n)*b stops\n(.|\n)*a stops\n(.|\n)*"
              "0: drained and balanced");
}

TEST_F(NodeTree, StopsBeforeThePipelinesThatItFeeds) {
  const weir::channel<int> entrance{{.name = "entrance"}};
  weir::pipeline made{"made"};
  made.from("entrance", entrance.source()).to("sink", ignore);
  made.dead_letters_to(weir::dead_letters::memory{});
  weir::tree server{"server"};
  server
      .add({.id = "a", .start = stays([entrance] {
                         const auto how = std::make_shared<std::promise<weir::outcome>>();
                         if (!entrance.push(1, [how](weir::outcome one) { how->set_value(one); }))
                           std::cerr << "its last is not taken\n";
                         else if (how->get_future().get() == weir::outcome::acknowledged)
                           std::cerr << "its last is stored\n";
                       })})
      .add({.id = "b", .start = sends(SIGTERM)});
  EXPECT_EXIT(run(settings(), std::move(made), server), testing::ExitedWithCode(0),
              "its last is stored\n(.|\n)*0: drained and balanced");
}

weir::pipeline never_done(int signal) {
  weir::pipeline made{"stuck"};
  made.from("numbers", numbers{endless})
      .via("wait",
           [signal](const int& n) -> boost::asio::awaitable<int> {
             if (n == 1)
               ::kill(::getpid(), signal);
             co_await weir::sleep_for(1h);
             co_return n;
           })
      .to("sink", ignore);
  made.dead_letters_to(weir::dead_letters::memory{});
  return made;
}

TEST_F(NodeTree, CountsWhatItsPipelinesLeaveOver) {
  weir::tree server{"server"};
  server.add_pipeline("a", [] { return never_done(SIGTERM); });
  EXPECT_EXIT(run(settings(50ms), server), testing::ExitedWithCode(weir::exit_codes::left_over),
              "3: aborted \\([1-9][0-9]* in flight were not acknowledged");
}

TEST_F(NodeTree, AddsUpTheLivesOfAPipeline) {
  const auto lives = std::make_shared<std::atomic<int>>(0);
  weir::tree server{"server", {.supervision = {.delays = {.delay_min = 1ms, .delay_max = 1ms}}}};
  server.add_pipeline("a", [lives] {
    const bool first = ++*lives == 1;
    weir::pipeline made{"numbers", {.supervision = {.intensity = 0}}};
    made.from("numbers", numbers{3}).to("sink", [first](const int&) -> weir::result<void> {
      return first ? weir::result<void>{weir::fatal("not yet")} : weir::result<void>{};
    });
    made.dead_letters_to(weir::dead_letters::memory{});
    return made;
  });
  EXPECT_EXIT(run(settings(), server), testing::ExitedWithCode(0),
              "0: finished and balanced; server ended; server/a ended 2 starts 1 restarts 1 "
              "failures, [^;]*acknowledged 3 [^;]*in flight [1-3]");
}

TEST_F(NodeTree, IsDrainedToItsEndWithItsPipelines) {
  weir::tree server{"server"};
  server.add_pipeline("a", [] {
    return pipeline_of("numbers", endless, [](const int& n) {
      if (n == 1)
        ::kill(::getpid(), SIGINT);
    });
  });
  EXPECT_EXIT(run(settings(), server), testing::ExitedWithCode(0),
              "0: drained and balanced; server ended; server/a ended [01] starts[^;]*in flight 0");
}

TEST_F(NodeTree, WhoseChildDoesNotStopIsAbortedAtTheDeadline) {
  weir::tree server{"server"};
  server
      .add({.id = "a",
            .start =
                weir::thread_child([](const std::stop_token&) -> weir::result<void> { hang(); }),
            .shutdown = weir::shutdown::infinite()})
      .add({.id = "b", .start = sends(SIGTERM)});
  EXPECT_EXIT(
      run(settings(50ms), server), testing::ExitedWithCode(weir::exit_codes::left_over),
      "the drain took too long: aborting(.|\n)*child killed child=server/a(.|\n)*child abandoned "
      "child=server/a(.|\n)*aborted: 1 child did not stop in time exit_code=3");
}

TEST_F(NodeTree, IsAbortedByTheSecondSignal) {
  weir::tree server{"server"};
  server
      .add({.id = "a",
            .start = weir::thread_child([](const std::stop_token& stop) -> weir::result<void> {
              wait_for_stop(stop);
              ::kill(::getpid(), SIGTERM);
              hang();
            }),
            .shutdown = weir::shutdown::infinite()})
      .add({.id = "b", .start = sends(SIGTERM)});
  EXPECT_EXIT(run(settings(), server), testing::ExitedWithCode(weir::exit_codes::left_over),
              "aborting signal=SIGTERM(.|\n)*aborted: 1 child did not stop in time exit_code=3");
}

TEST_F(NodeTree, LogsAndCountsFailuresAndRestarts) {
  const auto runs = std::make_shared<std::atomic<int>>(0);
  weir::tree server{"server", {.supervision = {.delays = {.delay_min = 1ms, .delay_max = 1ms}}}};
  server.add({.id = "a",
              .start = weir::thread_child([runs](const std::stop_token&) -> weir::result<void> {
                return ++*runs < 3 ? weir::result<void>{weir::fatal("not yet")}
                                   : weir::result<void>{};
              }),
              .restart = weir::restart::transient});
  EXPECT_EXIT(run(settings(), server), testing::ExitedWithCode(0),
              "child started child=server/a\n(.|\n)*child failed child=server/a why=\"not "
              "yet\"\n(.|\n)*child restarted child=server/a\n(.|\n)*server/a ended 3 starts 2 "
              "restarts 2 failures");
}

TEST_F(NodeTree, TakesChildrenWhileItRuns) {
  weir::tree sessions{"sessions",
                      {.supervision = {.strategy = weir::dynamic},
                       .children = {{.id = "session", .restart = weir::restart::temporary}}}};
  const auto ref = sessions.ref();
  EXPECT_EQ(ref.start_child(stays()).get().what, weir::child_answer::kind::ended);
  weir::tree server{"server"};
  server.add(sessions).add(
      {.id = "listener",
       .start = weir::thread_child([ref](const std::stop_token&) -> weir::result<void> {
         const auto fails = [](const std::stop_token&) -> weir::result<void> {
           return weir::fatal("it crashed");
         };
         if (!ref.start_child(stays()).get() || !ref.start_child(weir::thread_child(fails)).get())
           return weir::fatal("a session could not be added");
         ::kill(::getpid(), SIGTERM);
         return {};
       }),
       .restart = weir::restart::transient});
  EXPECT_EXIT(
      run(settings(), server), testing::ExitedWithCode(0),
      "child failed child=server/sessions/session why=\"it crashed\"(.|\n)*"
      "0: drained and balanced(.|\n)*server/sessions/session (ended|failed) 2 starts 0 restarts 1 "
      "failures");
}

TEST(TreePart, SaysWhatIsWrongWithItAndWithTheTreesBelow) {
  weir::tree inner{"inner", {.supervision = {.strategy = weir::dynamic}}};
  weir::tree outer{"outer"};
  outer.add({.id = "a"}).add(inner);
  const auto found = outer.validate();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_TRUE(found[0].starts_with("tree 'inner': ")) << found[0];
  EXPECT_TRUE(found[1].starts_with("tree 'outer': child 'a': start is missing")) << found[1];
}

TEST(RunVerdict, LeavesOutWhatARestartedPipelineHasReadAgain) {
  weir::internal::run_facts run{.ledger = {.admitted = 10, .acknowledged = 8, .in_flight = 2}};
  EXPECT_EQ(verdict_on(run).exit_code, weir::exit_codes::left_over);
  run.in_flight_before = 2;
  EXPECT_EQ(verdict_on(run).exit_code, weir::exit_codes::ok);
}

TEST(RunVerdict, IsThatOneLedgerOfATreeDoesNotBalanceEvenIfTheSumDoes) {
  EXPECT_EQ(weir::internal::verdict_on({.balanced = false}).exit_code,
            weir::exit_codes::not_balanced);
}

weir::run_report report_with_tree() {
  weir::run_report made;
  weir::pipeline_report lines{.pipeline = "lines",
                              .ledger = {.admitted = 5, .acknowledged = 4, .in_flight = 1}};
  weir::tree_child_report store{.path = "server/lines",
                                .state = "ended",
                                .starts = 2,
                                .restarts = 1,
                                .failures = 1,
                                .last_failure = "disk full"};
  store.pipeline = std::move(lines);
  store.lives = 2;
  store.in_flight_before = 1;
  made.trees.push_back({.tree = "server", .state = "ended", .children = {store}});
  return made;
}

TEST(Report, HasTreesWithTheirPipelines) {
  const auto json = to_json(report_with_tree());
  for (const auto* part :
       {"\"pipelines\": []", "\"tree\": \"server\"", "\"path\": \"server/lines\"",
        "\"restarts\": 1", "\"last_failure\": \"disk full\"", "\"lives\": 2",
        "\"in_flight_before\": 1", "\"acknowledged\": 4"})
    EXPECT_NE(json.find(part), std::string::npos) << part << " in " << json;
  const auto text = to_text(report_with_tree(), weir::internal::charset::ascii);
  for (const auto* part : {"tree server: ended\n", "server/lines  ended", "failed: disk full",
                           "server/lines: 2 lives", "4 "})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
}

} // namespace
