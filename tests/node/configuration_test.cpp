#include <weir/node/configuration.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using step = weir::parsed::step;

/// A program with an option of every type, and a configuration file of its own.
class program {
public:
  std::string input = "-";
  std::string enrich = "none";
  std::string token = "open sesame";
  std::uint64_t rate = 500;
  std::uint32_t threads = 2;
  std::int64_t offset = -1;
  double share = 0.5;
  bool quiet = false;
  bool progress = true;
  std::chrono::milliseconds drain_timeout = 25s;
  std::optional<std::uint64_t> limit;
  std::vector<std::string> tags{"a", "b"};

  std::map<std::string, std::string> variables;

  weir::configuration config{"events", "Enriches JSON events and stores them.", "0.1.0"};

  program() {
    config.option("input", input, "Where the events come from; - is standard input.")
        .value_name("FILE");
    config.option("enrich", enrich, "Who knows the facts.").one_of({"none", "static", "http"});
    config.option("token", token, "Opens the door.").secret();
    config.option("rate", rate, "Calls a second at most.").range(1, 1'000'000);
    config.option("node.threads", threads, "Threads that run stages.");
    config.option("offset", offset, "Where to begin.");
    config.option("share", share, "How much.").range(0, 1);
    config.option("quiet", quiet, "Says nothing.");
    config.option("progress", progress, "Shows progress.");
    config.option("drain-timeout", drain_timeout, "How long a drain may take.").range(1ms, 1h);
    config.option("limit", limit, "How many events at most.").at_least(1);
    config.option("tags", tags, "Marks on every event.");
  }
  ~program() { std::filesystem::remove(path()); }

  static std::string path() {
    return std::filesystem::temp_directory_path()
           / ("weir-configuration-" + std::to_string(::getpid()));
  }
  program& file(const std::string& text) {
    std::ofstream{path()} << text;
    variables["EVENTS_CONFIG"] = path();
    return *this;
  }
  program& variable(const std::string& name, const std::string& value) {
    variables[name] = value;
    return *this;
  }
  weir::parsed run(std::vector<const char*> arguments = {}) {
    arguments.insert(arguments.begin(), "events");
    return config.parse(
        static_cast<int>(arguments.size()), arguments.data(), [this](const auto& name) {
          const auto found = variables.find(name);
          return found != variables.end() ? std::optional{found->second} : std::nullopt;
        });
  }
  /// The lines of a refusal, without the program, the file's path, and the closing advice.
  std::string refusal(std::vector<const char*> arguments = {}) {
    const auto outcome = run(std::move(arguments));
    EXPECT_EQ(outcome.next, step::refused);
    auto text = outcome.text;
    const auto drop = [&](const std::string& part) {
      for (auto at = text.find(part); at != std::string::npos; at = text.find(part))
        text.erase(at, part.size());
    };
    drop("events: ");
    drop(path() + ": ");
    drop("\nTry 'events --help'.\n");
    return text;
  }
};

TEST(Configuration, WithoutAnySourceEveryValueIsItsDefault) {
  program events;
  const auto outcome = events.run();
  EXPECT_TRUE(outcome);
  EXPECT_EQ(outcome.exit_code(), 0);
  EXPECT_EQ(events.rate, 500U);
  EXPECT_EQ(events.drain_timeout, 25s);
}

TEST(Configuration, AFlagWinsOverTheEnvironment) {
  program events;
  EXPECT_TRUE(events.variable("EVENTS_RATE", "7").run({"--rate", "8"}));
  EXPECT_EQ(events.rate, 8U);
}

TEST(Configuration, TheEnvironmentWinsOverTheFile) {
  program events;
  EXPECT_TRUE(events.file(R"({"rate": 6})").variable("EVENTS_RATE", "7").run());
  EXPECT_EQ(events.rate, 7U);
}

TEST(Configuration, TheFileWinsOverTheDefault) {
  program events;
  EXPECT_TRUE(events.file(R"({"rate": 6})").run());
  EXPECT_EQ(events.rate, 6U);
}

TEST(Configuration, TheFileIsNamedByTheFlagBeforeTheEnvironment) {
  program events;
  const auto path = program::path();
  events.file(R"({"rate": 6})").variable("EVENTS_CONFIG", "/nonexistent");
  EXPECT_TRUE(events.run({"--config", path.c_str()}));
  EXPECT_EQ(events.rate, 6U);
}

TEST(Configuration, AnEmptyVariableIsNotSet) {
  program events;
  EXPECT_TRUE(events.variable("EVENTS_RATE", "").run());
  EXPECT_EQ(events.rate, 500U);
}

TEST(Configuration, FlagsReachEveryType) {
  program events;
  EXPECT_TRUE(events.run(
      {"--input", "-", "--enrich=http", "--token", "x", "--rate=1", "--node-threads", "3"}));
  EXPECT_TRUE(events.run(
      {"--offset", "-5", "--share", "0.25", "--quiet", "--no-progress", "--limit", "9"}));
  EXPECT_TRUE(events.run({"--drain-timeout", "2m", "--tags", "x,y", "--tags=z"}));
  std::string values;
  const auto dump = nlohmann::ordered_json::parse(events.config.dump());
  for (const auto& [key, shown] : dump.items())
    values += key + " " + shown.dump() + "\n";
  EXPECT_EQ(values, R"json(input {"value":"-","from":"flag"}
enrich {"value":"http","from":"flag"}
token {"value":"(not shown)","from":"flag"}
rate {"value":1,"from":"flag"}
node {"threads":{"value":3,"from":"flag"}}
offset {"value":-5,"from":"flag"}
share {"value":0.25,"from":"flag"}
quiet {"value":true,"from":"flag"}
progress {"value":false,"from":"flag"}
drain_timeout {"value":"2m","from":"flag"}
limit {"value":9,"from":"flag"}
tags {"value":["x,y","z"],"from":"flag"}
)json");
}

TEST(Configuration, AFileReachesEveryTypeAndItsGroups) {
  program events;
  EXPECT_TRUE(
      events
          .file(
              R"({"input": "x", "enrich": "static", "token": "t", "rate": 1, "node": {"threads": 4},
                          "offset": -9, "share": 1, "quiet": true, "progress": false,
                          "drain_timeout": "250ms", "limit": null, "tags": []})")
          .run());
  EXPECT_EQ(events.threads, 4U);
  EXPECT_EQ(events.offset, -9);
  EXPECT_EQ(events.share, 1.0);
  EXPECT_FALSE(events.progress);
  EXPECT_EQ(events.drain_timeout, 250ms);
  EXPECT_EQ(events.limit, std::nullopt);
  EXPECT_TRUE(events.tags.empty());
}

TEST(Configuration, VariablesReachListsAndSwitches) {
  program events;
  events.variable("EVENTS_TAGS", "x,,y")
      .variable("EVENTS_QUIET", "1")
      .variable("EVENTS_NODE_THREADS", "5");
  EXPECT_TRUE(events.run());
  EXPECT_EQ(events.tags, (std::vector<std::string>{"x", "", "y"}));
  EXPECT_TRUE(events.quiet);
  EXPECT_EQ(events.threads, 5U);
}

TEST(Configuration, TheDumpSaysWhereEachValueCameFrom) {
  program events;
  events.file(R"({"share": 1, "rate": 6})").variable("EVENTS_RATE", "7").run({"--quiet"});
  const auto dump = nlohmann::json::parse(events.config.dump());
  EXPECT_EQ(dump["input"]["from"], "default");
  EXPECT_EQ(dump["share"]["from"], "file");
  EXPECT_EQ(dump["rate"]["from"], "environment");
  EXPECT_EQ(dump["quiet"]["from"], "flag");
  EXPECT_EQ(dump["limit"]["value"], nullptr);
}

TEST(Configuration, AFlagIsRefusedWithWhatWasExpectedAndFound) {
  EXPECT_EQ(program{}.refusal({"--rate", "many"}),
            "--rate: expected a whole number from 1 to 1000000, found \"many\"");
  EXPECT_EQ(program{}.refusal({"--rate", "1000001"}),
            "--rate: expected a whole number from 1 to 1000000, found \"1000001\"");
  EXPECT_EQ(program{}.refusal({"--rate", "5 "}),
            "--rate: expected a whole number from 1 to 1000000, found \"5 \"");
  EXPECT_EQ(program{}.refusal({"--node-threads", "4294967296"}),
            "--node-threads: expected a whole number from 0 to 4294967295, found \"4294967296\"");
  EXPECT_EQ(program{}.refusal({"--offset", "1.5"}),
            "--offset: expected a whole number, found \"1.5\"");
  EXPECT_EQ(program{}.refusal({"--limit", "0"}),
            "--limit: expected a whole number, 1 or more, found \"0\"");
  EXPECT_EQ(program{}.refusal({"--share", "nan"}),
            "--share: expected a number from 0 to 1, found \"nan\"");
  EXPECT_EQ(program{}.refusal({"--quiet=maybe"}),
            "--quiet: expected true or false, found \"maybe\"");
  EXPECT_EQ(program{}.refusal({"--enrich", "htp"}),
            "--enrich: expected one of none, static, http, found \"htp\"; did you mean http?");
}

TEST(Configuration, ADurationNeedsItsUnit) {
  const std::string expected =
      "expected a duration such as 250ms, 25s or 2m from 1ms to 1h, found ";
  for (const char* text :
       {"25", "s", "1.5s", "25 s", "0ms", "61m", "2562047788016h", "99999999999999999999s"})
    EXPECT_EQ(program{}.refusal({"--drain-timeout", text}),
              "--drain-timeout: " + expected + "\"" + text + "\"");
}

TEST(Configuration, WhatItsTypeCantHoldIsRefusedWithoutADeclaredRange) {
  const auto refusal = [](const char* flag, const char* value) {
    program events;
    std::chrono::milliseconds wait{0};
    double factor = 1;
    events.config.option("wait", wait, "How long to wait.");
    events.config.option("factor", factor, "How much longer.");
    return events.refusal({flag, value});
  };
  for (const std::string text : {"9223372036854775808ms", "2562047788015216h", "-1s", "8761h"})
    EXPECT_EQ(refusal("--wait", text.c_str()),
              "--wait: expected a duration such as 250ms, 25s or 2m from 0ms to 8760h, found \""
                  + text + "\"");
  for (const std::string text : {"inf", "nan", "1e999", "0x10"})
    EXPECT_EQ(refusal("--factor", text.c_str()),
              "--factor: expected a number, found \"" + text + "\"");
}

TEST(Configuration, AFlagWithoutItsValueDoesNotTakeTheNextFlag) {
  EXPECT_EQ(program{}.refusal({"--rate", "--quiet"}),
            "--rate: expected a whole number from 1 to 1000000, found nothing");
  EXPECT_EQ(program{}.refusal({"--input"}), "--input: expected a string, found nothing");
}

TEST(Configuration, AFlagGivenTwiceIsRefused) {
  EXPECT_EQ(program{}.refusal({"--rate", "1", "--rate", "1"}), "--rate: given 2 times");
}

TEST(Configuration, AnUnknownFlagIsRefusedWithTheNearestOne) {
  EXPECT_EQ(program{}.refusal({"--rat=5"}), "--rat: unknown flag; did you mean --rate?");
  EXPECT_EQ(program{}.refusal({"-rate", "5"}), "-rate: unknown flag; did you mean --rate?");
  EXPECT_EQ(program{}.refusal({"--drain_timeout", "5s"}),
            "--drain_timeout: unknown flag; did you mean --drain-timeout?");
  EXPECT_EQ(program{}.refusal({"--colour"}), "--colour: unknown flag");
  EXPECT_EQ(program{}.refusal({"events.json"}), "\"events.json\": unexpected argument");
}

TEST(Configuration, EveryMistakeIsReportedAtOnce) {
  program events;
  events.file(R"({"share": 2})").variable("EVENTS_OFFSET", "x");
  EXPECT_EQ(events.refusal({"--rat", "1", "--limit", "x"}),
            "--rat: unknown flag; did you mean --rate?\n"
            "/share: expected a number from 0 to 1, found the number 2\n"
            "EVENTS_OFFSET: expected a whole number, found \"x\"\n"
            "--limit: expected a whole number, 1 or more, found \"x\"");
}

TEST(Configuration, ARefusalNamesTheProgramAndExitsWithTwo) {
  const auto outcome = program{}.run({"--rate", "x"});
  EXPECT_EQ(outcome.text, "events: --rate: expected a whole number from 1 to 1000000, found \"x\"\n"
                          "Try 'events --help'.\n");
  EXPECT_EQ(outcome.exit_code(), 2);
  EXPECT_EQ(program{}.config.refuse("nothing to do").text,
            "events: nothing to do\nTry 'events --help'.\n");
}

TEST(Configuration, AKeyOfTheWrongTypeIsRefusedWithItsPointer) {
  EXPECT_EQ(program{}.file(R"({"rate": "500"})").refusal(),
            "/rate: expected a whole number from 1 to 1000000, found the string \"500\"");
  EXPECT_EQ(program{}.file(R"({"rate": 5.0})").refusal(),
            "/rate: expected a whole number from 1 to 1000000, found the number 5.0");
  EXPECT_EQ(program{}.file(R"({"rate": null})").refusal(),
            "/rate: expected a whole number from 1 to 1000000, found null");
  EXPECT_EQ(program{}.file(R"({"quiet": 1})").refusal(),
            "/quiet: expected true or false, found the number 1");
  EXPECT_EQ(program{}.file(R"({"quiet": "true"})").refusal(),
            "/quiet: expected true or false, found the string \"true\"");
  EXPECT_EQ(program{}.file(R"({"drain_timeout": 25})").refusal(),
            "/drain_timeout: expected a duration such as 250ms, 25s or 2m from 1ms to 1h, found "
            "the number 25");
  EXPECT_EQ(program{}.file(R"({"tags": ["a", 1]})").refusal(),
            "/tags: expected a list of strings, found a list");
  EXPECT_EQ(program{}.file(R"({"input": {"file": "x"}})").refusal(),
            "/input: expected a string, found an object");
  EXPECT_EQ(program{}.file(R"({"node": 4})").refusal(),
            "/node: expected an object, found the number 4");
  EXPECT_EQ(program{}.file(R"({"enrich": "statik"})").refusal(),
            "/enrich: expected one of none, static, http, found the string \"statik\"; did you "
            "mean static?");
}

TEST(Configuration, AnUnknownKeyIsRefusedWithTheNearestOne) {
  EXPECT_EQ(program{}.file(R"({"rat": 5})").refusal(), "/rat: unknown key; did you mean /rate?");
  EXPECT_EQ(program{}.file(R"({"drain-timeout": "5s"})").refusal(),
            "/drain-timeout: unknown key; did you mean /drain_timeout?");
  EXPECT_EQ(program{}.file(R"({"node": {"a/b~c": 1}})").refusal(), "/node/a~1b~0c: unknown key");
  EXPECT_EQ(program{}.file(R"({"config": "x"})").refusal(), "/config: unknown key");
}

TEST(Configuration, ARepeatedKeyIsRefused) {
  EXPECT_EQ(
      program{}.file(R"({"rate": 1, "node": {"threads": 1, "threads": 2}, "rate": 1})").refusal(),
      "/node/threads: given twice\n/rate: given twice");
}

TEST(Configuration, BrokenJsonIsRefusedWithLineAndColumn) {
  EXPECT_EQ(program{}.file("{\n  \"rate\": 5,\n}\n").refusal(),
            "line 3, column 1: syntax error while parsing object key - unexpected '}'; expected "
            "string literal");
  EXPECT_EQ(program{}.file("{\"rate\" 5}").refusal(),
            "line 1, column 9: syntax error while parsing object separator - unexpected number "
            "literal; expected ':'");
  EXPECT_EQ(program{}.file("").refusal(), "line 1, column 1: syntax error while parsing value - "
                                          "unexpected end of input; expected '[', '{', or a "
                                          "literal");
  EXPECT_EQ(program{}.file("[]").refusal(), "expected an object, found a list");
  EXPECT_EQ(program{}.file("{\"share\": 1e999}").refusal(), "number overflow parsing '1e999'");
}

TEST(Configuration, AFileThatCantBeReadIsRefused) {
  EXPECT_EQ(program{}.refusal({"--config", "/nonexistent/x"}),
            "/nonexistent/x: can't be read: No such file or directory");
  EXPECT_EQ(program{}.refusal({"--config", "/"}), "/: can't be read: Is a directory");
  EXPECT_EQ(program{}.refusal({"--config", "/dev/zero"}),
            "/dev/zero: is larger than 1048576 bytes");
}

TEST(Configuration, AFileOfNothingButBracketsIsRefusedInBoundedMemory) {
  std::string text;
  for (int i = 0; i < 20'000; ++i)
    text += "{\"rate\":";
  EXPECT_EQ(program{}.file(text).refusal(), "nests deeper than 256 levels");
  EXPECT_EQ(program{}.file(text + "1" + std::string(20'000, '}')).refusal(),
            "nests deeper than 256 levels");
}

TEST(Configuration, WhatIsRequiredMustBeGivenByAnySource) {
  program events;
  std::string store;
  events.config.option("store", store, "Where rows go.").required();
  EXPECT_EQ(events.refusal(),
            "--store is required (or EVENTS_STORE, or /store in the configuration file)");
  EXPECT_TRUE(events.file(R"({"store": "x"})").run());
}

TEST(Configuration, ASecretIsShownNowhere) {
  EXPECT_EQ(program{}.config.help().find("sesame"), std::string::npos);
  EXPECT_EQ(program{}.config.dump().find("sesame"), std::string::npos);
  program events;
  std::uint64_t pin = 1234;
  events.config.option("pin", pin, "Opens the safe.").secret();
  events.file(R"({"pin": "hush"})").variable("EVENTS_PIN", "hush");
  EXPECT_EQ(events.refusal({"--pin", "hush"}),
            "/pin: expected a whole number, 0 or more, found the string (not shown)\n"
            "EVENTS_PIN: expected a whole number, 0 or more, found something else (not shown)\n"
            "--pin: expected a whole number, 0 or more, found something else (not shown)");
}

TEST(Configuration, HelpShowsEveryOptionAndStops) {
  program events;
  const auto outcome = events.run({"--nonsense", "--help"});
  EXPECT_EQ(outcome.next, step::stop);
  EXPECT_EQ(outcome.exit_code(), 0);
  EXPECT_EQ(outcome.text, events.config.help());
  EXPECT_EQ("\n" + outcome.text, R"(
Enriches JSON events and stores them.

Usage: events [OPTION]...

  --input FILE              Where the events come from; - is standard input. [default: -;
                            EVENTS_INPUT]
  --enrich TEXT             Who knows the facts. [one of none, static, http; default: none;
                            EVENTS_ENRICH]
  --token TEXT              Opens the door. [default: not shown; EVENTS_TOKEN]
  --rate N                  Calls a second at most. [from 1 to 1000000; default: 500; EVENTS_RATE]
  --node-threads N          Threads that run stages. [default: 2; EVENTS_NODE_THREADS]
  --offset N                Where to begin. [default: -1; EVENTS_OFFSET]
  --share X                 How much. [from 0 to 1; default: 0.5; EVENTS_SHARE]
  --quiet                   Says nothing. [default: false; EVENTS_QUIET]
  --no-progress             Shows progress. [default: true; EVENTS_PROGRESS]
  --drain-timeout TIME      How long a drain may take. [from 1ms to 1h; default: 25s;
                            EVENTS_DRAIN_TIMEOUT]
  --limit N                 How many events at most. [1 or more; EVENTS_LIMIT]
  --tags TEXT               Marks on every event. [default: a,b; may be repeated; EVENTS_TAGS]
  --config FILE             A JSON file with values for these options. [EVENTS_CONFIG]
  --help                    Shows this text.
  --version                 Shows the version.

A flag wins over its variable (in brackets), that over the file, that over the default.
)");
}

TEST(Configuration, TheVersionIsPrintedAndStops) {
  const auto outcome = program{}.run({"--version"});
  EXPECT_EQ(outcome.next, step::stop);
  EXPECT_EQ(outcome.text, "events 0.1.0\n");
}

TEST(Configuration, ADeclarationThatCantBeMeantAborts) {
  program events;
  EXPECT_DEATH(events.config.option("Rate", events.rate, ""),
               "option 'Rate': a name is made of a-z");
  EXPECT_DEATH(events.config.option("rate", events.rate, ""),
               "option 'rate': another one has this name");
  EXPECT_DEATH(events.config.option("node", events.rate, ""),
               "option 'node': another one has this name");
  EXPECT_DEATH(events.config.option("help", events.quiet, ""),
               "option 'help': another one has this name");
  EXPECT_DEATH(events.config.option("name", events.input, "").range(1, 2),
               "only a number has a range");
  EXPECT_DEATH(events.config.option("count", events.rate, "").one_of({"1"}),
               "only strings are one of");
}

} // namespace
