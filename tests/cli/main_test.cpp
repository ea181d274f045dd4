#include "captured.hpp"

#include <weir/actors/thread_child.hpp>
#include <weir/cli/main.hpp>
#include <weir/dead_letters/dead_letter_memory.hpp>
#include <weir/node/configuration.hpp>
#include <weir/node/exit_codes.hpp>
#include <weir/node/node_settings.hpp>
#include <weir/node/parts.hpp>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

struct numbers {
  using output = int;
  int next = 1;

  weir::source_state poll(weir::intake<int>& in, weir::context&) {
    for (; in.room() > 0 && next <= 3; ++next)
      in.put(next);
    return next <= 3 ? weir::source_state::more : weir::source_state::done;
  }
};

weir::pipeline pipeline_of(const std::string& name) {
  weir::pipeline made{name};
  made.from("numbers", numbers{}).to("sink", [](const int&) {});
  made.dead_letters_to(weir::dead_letters::memory{});
  return made;
}

/// Its stage may fail, and there is no place for dead letters.
weir::pipeline broken(const std::string& name) {
  weir::pipeline made{name};
  made.from("numbers", numbers{})
      .via("stage", [](int n) -> weir::result<int> { return n; })
      .to("sink", [](const int&) {});
  return made;
}

/// A program with an option of its own.
class Main : public ::testing::Test {
protected:
  /// The exit code and what was said: "0 out: …" or "2 err: …".
  std::string run(std::vector<std::string> arguments) {
    std::vector<const char*> argv{"orders"};
    for (const auto& one : arguments)
      argv.push_back(one.c_str());
    weir::configuration config{"orders", "Stores orders.", "1.2.0"};
    config.option("rate", rate, "Orders a second.").range(1, 100);
    config.check([this] { return rate == 13 ? "--rate: 13 brings bad luck" : ""; });
    const captured out{std::cout};
    const captured err{std::cerr};
    const auto code = weir::main(
        static_cast<int>(argv.size()), argv.data(), config,
        [this] {
          ++calls;
          made_with = rate;
          return make();
        },
        before_run);
    return std::to_string(code) + (out.text().empty() ? "" : " out: " + out.text())
           + (err.text().empty() ? "" : " err: " + err.text());
  }

  std::uint32_t rate = 10;
  std::uint32_t made_with = 0;
  int calls = 0;
  std::function<weir::parts()> make = [] { return pipeline_of("orders"); };
  std::function<weir::result<void>(weir::node_settings&)> before_run;
};

void expect_in(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& one : parts)
    EXPECT_NE(text.find(one), std::string::npos) << one << " in " << text;
}

TEST_F(Main, ShowsInHelpWhatTheProgramAndTheNodeCanBeToldAndMakesNothing) {
  const auto said = run({"--help"});
  EXPECT_TRUE(said.starts_with("0 out: Stores orders.\n\nUsage: orders [OPTION]...\n")) << said;
  expect_in(said, {"       orders [OPTION]... dead-letters [--pipeline NAME] ACTION", "--rate",
                   "--drain-timeout", "--report", "--draw", "--validate", "--version", "--config"});
  EXPECT_EQ(calls, 0);
}

TEST_F(Main, ShowsTheVersionsOfTheProgramAndOfWeirAndMakesNothing) {
  const auto said = run({"--version"});
  EXPECT_TRUE(said.starts_with("0 out: orders 1.2.0 (Weir ")) << said;
  EXPECT_NE(said.find_first_of("0123456789", said.find("Weir")), std::string::npos) << said;
  EXPECT_EQ(calls, 0);
}

TEST_F(Main, RefusesMistakesBeforeAnythingIsMade) {
  EXPECT_EQ(run({"--rate", "101"}).substr(0, 20), "2 err: orders: --rat");
  EXPECT_EQ(run({"--rate", "13"}),
            "2 err: orders: --rate: 13 brings bad luck\nTry 'orders --help'.\n");
  EXPECT_EQ(run({"--drow"}), "2 err: orders: --drow: unknown flag; did you mean --draw?\n"
                             "Try 'orders --help'.\n");
  EXPECT_EQ(run({"--draw=no"}).substr(0, 15), "2 err: orders: ");
  EXPECT_EQ(run({"dead-leters", "list"}).substr(0, 35), "2 err: orders: \"dead-leters\": unexp");
  EXPECT_EQ(calls, 0);
}

TEST_F(Main, MakesOnceWhenTheOptionsAreKnown) {
  run({"--validate", "--rate", "7"});
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(made_with, 7U);
}

TEST_F(Main, DrawsEachGraphAlsoOfTrees) {
  make = [] {
    weir::tree server{"server"};
    server.add_pipeline("c", [] { return pipeline_of("third"); });
    std::vector<weir::pipeline> two;
    two.push_back(pipeline_of("first"));
    two.push_back(pipeline_of("second"));
    weir::parts all{std::move(two)};
    all.add(server);
    return all;
  };
  const auto said = run({"--draw"});
  EXPECT_TRUE(said.starts_with("0 out: digraph \"first\"")) << said;
  expect_in(said, {"digraph \"second\"", "digraph \"third\""});
  EXPECT_EQ(said.find("err: "), std::string::npos);
}

TEST_F(Main, ValidatesWithoutRunning) {
  EXPECT_EQ(run({"--validate"}),
            "0 out: orders: the options, the graphs and the trees are valid\n");
}

TEST_F(Main, SaysWhatIsInvalidOfEachPart) {
  make = [] {
    weir::tree server{"server"};
    server.add({.id = "a"}).add_pipeline("b", [] { return broken("below"); });
    return weir::parts{broken("beside"), server};
  };
  const auto said = run({"--validate"});
  EXPECT_TRUE(said.starts_with("2 err: ")) << said;
  expect_in(said,
            {"orders: pipeline 'beside': ", "orders: tree 'server': child 'a': start is missing",
             "orders: pipeline 'below': "});
}

TEST_F(Main, EndsWithAFailureWhenTheMakingThrows) {
  make = []() -> weir::parts { throw std::runtime_error{"the disk is gone"}; };
  const auto said = run({"--validate"});
  EXPECT_TRUE(said.starts_with("1 err: orders: ")) << said;
  expect_in(said, {"the disk is gone"});
}

TEST_F(Main, NamesThePipelinesWhoseDeadLettersMayBeMeant) {
  make = [] { return weir::parts{pipeline_of("first"), pipeline_of("second")}; };
  EXPECT_EQ(run({"dead-letters", "--pipeline", "secnd", "list"}),
            "2 err: orders: --pipeline: there is no pipeline 'secnd'; did you mean second? "
            "(pipelines: first, second)\n");
  EXPECT_EQ(
      run({"--rate", "5", "dead-letters", "--pipeline=first", "list"}),
      "2 err: first: there is nothing to look at: dead letters are not kept in a file, or not "
      "in one that can be read\n");
  EXPECT_EQ(made_with, 5U);
  EXPECT_EQ(run({"dead-letters", "list"}),
            "2 err: orders: there is nothing to look at: no pipeline "
            "keeps its dead letters in a file that can be read\n");
}

TEST_F(Main, TakesNoValueOfAFlagForTheCommand) {
  EXPECT_EQ(run({"--report", "dead-letters", "--validate"}).substr(0, 7), "0 out: ");
}

TEST(MainDeath, RunsWhatIsMade) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [] {
    const char* argv[] = {"orders", "--progress", "never"};
    weir::configuration config{"orders", "Stores orders."};
    std::_Exit(weir::main(3, argv, config, [] {
      weir::tree server{"server"};
      server.add_pipeline("c", [] { return pipeline_of("below"); });
      return weir::parts{pipeline_of("beside"), server};
    }));
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0),
              "started pipeline=beside(.|\n)*child started "
              "child=server/c(.|\n)*finished and balanced");
}

TEST_F(Main, RunsNothingThatIsNotReady) {
  before_run = [](weir::node_settings&) { return weir::fatal("the disk is gone"); };
  EXPECT_EQ(run({}), "1 err: orders: the disk is gone\n");
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(run({"--validate"}).substr(0, 7), "0 out: ") << "it asks for a run only";
}

TEST(MainDeath, LetsTheProgramSetWhatFollowsForTheNode) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [] {
    const char* argv[] = {"orders", "--progress", "never"};
    weir::configuration config{"orders", "Stores orders."};
    std::uint32_t rate = 3;
    config.option("rate", rate, "Orders a second.");
    std::_Exit(weir::main(
        3, argv, config, [] { return pipeline_of("alone"); },
        [&rate](weir::node_settings& node) -> weir::result<void> {
          if (rate == 3)
            node.log_format = "json";
          return {};
        }));
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "\"event\":\"started\",\"pipeline\":\"alone\"");
}

TEST(MainDeath, RunsAPipelineAsTheShortForm) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [] {
    const char* argv[] = {"orders", "--progress", "never"};
    std::_Exit(weir::main(3, argv, pipeline_of("alone")));
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "started pipeline=alone(.|\n)*finished");
}

} // namespace
