#include "captured.hpp"

#include <weir/cli/dead_letter_text.hpp>
#include <weir/cli/dead_letters_command.hpp>
#include <weir/dead_letters/dead_letter_memory.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using weir::dead_letter;
using weir::dead_letters::memory;

using wall_time = std::chrono::system_clock::time_point;

dead_letter letter(std::uint64_t position, std::string stage = "parse", std::string key = {}) {
  dead_letter one;
  one.pipeline = "events";
  one.stage = std::move(stage);
  one.source = "in.jsonl";
  one.position = position;
  one.key = std::move(key);
  one.payload = "{\"id\":" + std::to_string(position) + "}";
  one.payload_type = "text";
  one.attempts = 2;
  one.first_failed_at = one.last_failed_at = wall_time{1706702400s + 7ms};
  one.why = weir::poison("root").within("it is broken");
  return one;
}

class DeadLettersCommand : public ::testing::Test {
protected:
  DeadLettersCommand() { ::setenv("USER", "alice", 1); }

  void keep(const std::vector<dead_letter>& letters) { EXPECT_TRUE(store.put(letters)); }

  /// Standard output; where the exit code is not 0, "exit 2: " and standard error.
  std::string run(std::vector<std::string> arguments) {
    std::vector<const char*> argv{"dead-letters"};
    for (const auto& one : arguments)
      argv.push_back(one.c_str());
    const captured out{std::cout};
    const captured err{std::cerr};
    const int code =
        weir::dead_letters_command(static_cast<int>(argv.size()), argv.data(), "events", store);
    if (code == 0)
      return out.text() + err.text();
    return out.text() + "exit " + std::to_string(code) + ": " + err.text();
  }
  /// "replay all: 1 letter requested\n"
  std::string last_of_audit() {
    const auto lines = store.audit(0, 100);
    if (lines->empty())
      return "nothing";
    const auto& one = lines->back();
    return one.who.substr(0, one.who.find(' ')) + ": " + one.what + " " + one.about + ": "
           + one.outcome;
  }

  memory store; // NOLINT(readability-identifier-naming): the tests', not only the fixture's
};

TEST_F(DeadLettersCommand, ListsThemInATable) {
  EXPECT_EQ(run({"list"}), "no dead letters\n");
  auto often = letter(2, "store", "k");
  often.replay_count = 1;
  keep({letter(1), often});
  EXPECT_EQ(run({"list"}),
            "ID  LAST FAILED          STATE  TRIES  STAGE  POSITION  KEY  CAUSE\n"
            " 1  2024-01-31 12:00:00  kept       2  parse         1       it is broken ← root\n"
            " 2  2024-01-31 12:00:00  kept     2+1  store         2  k    it is broken ← root\n");
  EXPECT_EQ(run({"list", "--stage", "parse"}),
            "ID  LAST FAILED          STATE  TRIES  STAGE  POSITION  CAUSE\n"
            " 1  2024-01-31 12:00:00  kept       2  parse         1  it is broken ← root\n");
}

TEST_F(DeadLettersCommand, SaysWhereACauseIsOfAnEarlierPayload) {
  keep({letter(1), letter(2)});
  ASSERT_TRUE(store.edit(1, "mended", {"bob", wall_time{1706702500s}}));
  EXPECT_EQ(
      run({"list"}),
      "ID  LAST FAILED          STATE  TRIES  STAGE  POSITION  CAUSE\n"
      " 1  2024-01-31 12:00:00  kept       2  parse         1  before the edit: it is broken ← "
      "root\n"
      " 2  2024-01-31 12:00:00  kept       2  parse         2  it is broken ← root\n");
  const auto page = run({"show", "1"});
  EXPECT_NE(page.find("\nedited        2024-01-31T12:01:40.000Z: the cause is that of the payload "
                      "before (--payload-before)\n"),
            std::string::npos)
      << page;
  EXPECT_NE(run({"show", "1", "-o", "json"}).find("\"edited_at\":\"2024-01-31T12:01:40.000Z\""),
            std::string::npos);
}

TEST_F(DeadLettersCommand, KeepsThePayloadThatAnEditReplaced) {
  keep({letter(1), letter(2)});
  EXPECT_EQ(run({"show", "1", "--payload-before"}),
            "exit 1: events dead-letters show: there is no payload that an edit of letter 1 "
            "replaced\n");
  ASSERT_TRUE(store.edit(1, "second", {"bob"}));
  EXPECT_EQ(run({"show", "--payload-before", "1"}), "{\"id\":1}");
  ASSERT_TRUE(store.edit(1, "\xFF", {"bob"}));
  ASSERT_TRUE(store.edit(1, "fourth", {"bob"}));
  ASSERT_TRUE(store.edit(2, "other", {"bob"}));
  EXPECT_EQ(run({"show", "1", "--payload-before"}), "\xFF");
  const auto lines = run({"audit", "-o", "json"});
  EXPECT_NE(lines.find(R"(,"payload_before":"{\"id\":1}"})"), std::string::npos) << lines;
  EXPECT_NE(lines.find(R"(,"payload_before_base64":"/w=="})"), std::string::npos) << lines;
  EXPECT_EQ(run({"purge", "--all"}), "2 letters removed\n");
  EXPECT_EQ(run({"audit", "-o", "json"}).find("payload_before"), std::string::npos);
  EXPECT_TRUE(run({"show", "1", "--payload-before"}).starts_with("exit 1: "));
}

TEST_F(DeadLettersCommand, ReplacesAPayloadWithNothingOnlyWhenForced) {
  keep({letter(1)});
  EXPECT_EQ(
      run({"edit", "1", "--payload", "/dev/null"}),
      "exit 1: events dead-letters edit: the new payload is empty; if it is to be, --force\n");
  EXPECT_EQ(store.letters().front().payload, "{\"id\":1}");
  EXPECT_EQ(run({"edit", "--force", "1", "--payload", "/dev/null"}),
            "the payload of letter 1 is now 0 bytes\n");
}

TEST_F(DeadLettersCommand, ListsNoLineThatIsTooLong) {
  auto long_one = letter(1, std::string(50, 's'), std::string(50, 'k'));
  long_one.why = weir::poison(std::string(500, 'c') + "\x1B[31m\n");
  keep({long_one});
  std::istringstream lines{run({"list"})};
  for (std::string line; std::getline(lines, line);)
    EXPECT_LE(weir::internal::columns_of(line), 100U) << line;
}

TEST_F(DeadLettersCommand, SaysWhenThereAreMore) {
  std::vector<dead_letter> many;
  for (std::uint64_t k = 1; k <= 101; ++k)
    many.push_back(letter(k));
  keep(many);
  EXPECT_TRUE(run({"list"}).ends_with("100 of 101 letters; --limit shows more\n"));
  EXPECT_TRUE(run({"list", "--limit", "2"}).ends_with("2 of 101 letters; --limit shows more\n"));
  EXPECT_FALSE(run({"list", "--limit", "101"}).ends_with("more\n"));
}

TEST_F(DeadLettersCommand, WritesJsonForPrograms) {
  auto bytes = letter(2);
  bytes.payload = "\xFFx";
  keep({letter(1), bytes});
  EXPECT_EQ(
      run({"list", "-o", "json", "--limit", "1"}),
      R"({"id":1,"pipeline":"events","stage":"parse","source":"in.jsonl","position":1,"part":0,)"
      R"("key":"","state":"kept","kind":"poison","cause":"it is broken ← root",)"
      R"("chain":["it is broken","root"],"attempts":2,"replay_count":0,)"
      R"("first_failed_at":"2024-01-31T12:00:00.007Z","last_failed_at":"2024-01-31T12:00:00.007Z",)"
      R"("edited_at":null,"trace_id":"","payload_type":"text","payload":"{\"id\":1}"})"
      "\n");
  const auto second = run({"show", "2", "--output", "json"});
  EXPECT_TRUE(second.ends_with("\"payload_type\":\"text\",\"payload_base64\":\"/3g=\"}\n"))
      << second;
  EXPECT_EQ(run({"histogram", "-o", "json"}),
            "[{\"stage\":\"parse\",\"cause\":\"it is broken\",\"count\":2}]\n");
}

TEST_F(DeadLettersCommand, ShowsOneWithItsPayload) {
  auto keyed = letter(1, "parse", "k");
  keyed.trace_id = "4bf9";
  auto tricks = letter(2);
  tricks.payload = "\x1B[2J";
  keep({keyed, tricks});
  EXPECT_EQ(run({"show", "1"}), "id            1\n"
                                "state         kept\n"
                                "pipeline      events\n"
                                "stage         parse\n"
                                "source        in.jsonl, position 1\n"
                                "key           k\n"
                                "attempts      2\n"
                                "replays       0\n"
                                "first failed  2024-01-31T12:00:00.007Z\n"
                                "last failed   2024-01-31T12:00:00.007Z\n"
                                "trace         4bf9\n"
                                "kind          poison\n"
                                "cause         it is broken\n"
                                "              root\n"
                                "payload       text, 8 bytes\n\n"
                                "{\"id\":1}\n");
  EXPECT_TRUE(run({"show", "2"}).ends_with("text, 4 bytes, here as base64\n\nG1sySg==\n"));
  EXPECT_EQ(run({"show", "9"}), "exit 1: events dead-letters show: there is no dead letter 9\n");
}

TEST_F(DeadLettersCommand, FindsTheIdBehindFlagsToo) {
  keep({letter(1), letter(2)});
  EXPECT_TRUE(run({"show", "-o", "json", "2"}).starts_with("{\"id\":2,"));
  EXPECT_TRUE(run({"show", "--output=json", "2"}).starts_with("{\"id\":2,"));
  EXPECT_EQ(run({"show", "--payload", "2"}), "{\"id\":2}");
  EXPECT_EQ(run({"show", "2", "--payload"}), "{\"id\":2}");
  EXPECT_EQ(run({"edit", "--payload", "-"}),
            "exit 2: events dead-letters: the letter's id is missing\n"
            "Try 'events dead-letters edit --help'.\n");
}

TEST_F(DeadLettersCommand, SaysThatAnEditorHasAddedALineEnd) {
  keep({letter(1)});
  const auto path =
      std::filesystem::temp_directory_path() / ("weir-line-end-" + std::to_string(::getpid()));
  std::ofstream{path, std::ios::binary} << "{\"id\":7}\n";
  EXPECT_TRUE(run({"edit", "1", "--payload", path.string()})
                  .starts_with("the payload of letter 1 is now 9 bytes\n"
                               "events dead-letters edit: note that it ends with a line end"));
  EXPECT_EQ(run({"edit", "1", "--payload", path.string()}),
            "the payload of letter 1 is now 9 bytes\n");
  std::filesystem::remove(path);
}

TEST_F(DeadLettersCommand, DrawsTheCausesAsBars) {
  keep({letter(1), letter(2), letter(3), letter(4, "store")});
  EXPECT_EQ(weir::internal::to_bars(*store.histogram({}), 60, weir::internal::charset::ascii),
            "3  ####################  parse: it is broken\n"
            "1  #######               store: it is broken\n"
            "4 letters, 2 causes\n");
  EXPECT_EQ(weir::internal::to_bars({}, 60, weir::internal::charset::ascii), "no dead letters\n");
}

TEST_F(DeadLettersCommand, EditsAPayloadFromAFile) {
  keep({letter(1)});
  const auto path =
      std::filesystem::temp_directory_path() / ("weir-payload-" + std::to_string(::getpid()));
  std::ofstream{path, std::ios::binary} << std::string{"\0mended!", 8};
  EXPECT_EQ(run({"edit", "1", "--payload", path.string()}),
            "the payload of letter 1 is now 8 bytes\n");
  std::filesystem::remove(path);
  EXPECT_EQ(store.letters().front().payload, (std::string{"\0mended!", 8}));
  EXPECT_EQ(last_of_audit(), "alice: edit id 1: payload of 8 bytes replaced by 8 bytes");
  EXPECT_EQ(run({"edit", "1", "--payload", path.string()}),
            "exit 1: events dead-letters edit: can't read '" + path.string() + "'\n");
  EXPECT_EQ(run({"edit", "1", "--payload", "/"}),
            "exit 1: events dead-letters edit: '/' is a folder\n");
}

TEST_F(DeadLettersCommand, AsksForAReplay) {
  auto often = letter(2);
  often.replay_count = 3;
  keep({letter(1), often, letter(3, "store")});
  EXPECT_EQ(run({"replay", "--stage", "parse", "--dry-run", "-o", "json"}),
            "{\"requested\":1,\"under_way\":0,\"too_often\":1,\"dry_run\":true,\"causes\":"
            "[{\"stage\":\"parse\",\"cause\":\"it is broken\",\"count\":2}]}\n");
  EXPECT_EQ(last_of_audit(), "nothing");
  EXPECT_EQ(run({"replay"}),
            "exit 2: events dead-letters replay: which ones? --all says all of them\n"
            "Try 'events dead-letters replay --help'.\n");
  EXPECT_TRUE(run({"replay", "--all", "--dry-run"})
                  .ends_with("would be: 2 letters requested, 1 left out: replayed too often\n"));
  const std::string when = "; a running pipeline takes them up when it looks next "
                           "(replay.look_every, 5 s by default), else the next one does\n";
  EXPECT_EQ(run({"replay", "--id", "1"}), "1 letter requested" + when);
  EXPECT_EQ(last_of_audit(), "alice: replay id 1: 1 letter requested");
  EXPECT_EQ(run({"replay", "--id", "1"}), "0 letters requested, 1 under way already\n");
  EXPECT_EQ(run({"replay", "--id", "1", "--id", "2", "--force"}),
            "1 letter requested, 1 under way already" + when);
  EXPECT_EQ(last_of_audit(),
            "alice: replay ids 1, 2, forced: 1 letter requested, 1 under way already");
}

TEST_F(DeadLettersCommand, TakesBackWhatWasAskedFor) {
  keep({letter(1), letter(2)});
  EXPECT_TRUE(run({"replay", "--all"}).starts_with("2 letters requested"));
  EXPECT_TRUE(run({"cancel"}).starts_with("exit 2: "));
  EXPECT_EQ(run({"cancel", "--id", "1"}), "1 letter not to be replayed any more\n");
  EXPECT_EQ(last_of_audit(), "alice: cancel id 1: 1 letter kept");
  EXPECT_EQ(run({"cancel", "--all", "-o", "json"}), "{\"kept\":1,\"being_replayed\":0}\n");
  ASSERT_TRUE(store.request_replay({}, {}, {"bob"}));
  ASSERT_TRUE(store.claim_requested({}, 1));
  EXPECT_EQ(run({"cancel", "--all"}),
            "1 letter not to be replayed any more, 1 being replayed already\n");
}

TEST_F(DeadLettersCommand, ADryPurgeSaysWhatWouldBeRemoved) {
  keep({letter(1), letter(2, "store"), letter(3, "store"), letter(4)});
  ASSERT_TRUE(store.request_replay({.ids = {3, 4}}, {}, {"bob"}));
  ASSERT_TRUE(store.claim_requested({.ids = {4}}, 1));
  EXPECT_TRUE(run({"purge", "--all", "--dry-run"})
                  .ends_with("3 letters, 2 causes\n"
                             "would be: 3 letters removed, 1 being replayed and left\n"));
  EXPECT_TRUE(run({"purge", "--stage", "store", "--limit", "1", "--dry-run"})
                  .ends_with("would be: 1 letter removed\n"));
  EXPECT_EQ(run({"purge", "--state", "replaying", "--dry-run"}),
            "would be: 0 letters removed, 1 being replayed and left\n");
  EXPECT_EQ(run({"purge", "--stage", "store", "--dry-run", "-o", "json"}),
            "{\"would_be_removed\":2,\"being_replayed\":0,\"causes\":[{\"stage\":\"store\","
            "\"cause\":\"it is broken\",\"count\":2}]}\n");
  EXPECT_EQ(store.letters().size(), 4U);
}

TEST_F(DeadLettersCommand, PurgesOnlyWhatIsNamed) {
  keep({letter(1), letter(2, "store"), letter(3, "store")});
  EXPECT_EQ(run({"purge"}),
            "exit 2: events dead-letters purge: which ones? --all says all of them\n"
            "Try 'events dead-letters purge --help'.\n");
  EXPECT_EQ(store.letters().size(), 3U);
  EXPECT_EQ(run({"purge", "--stage", "store", "--limit", "1"}), "1 letter removed\n");
  EXPECT_EQ(last_of_audit(), "alice: purge stage store, the first 1: 1 letter removed");
  EXPECT_EQ(run({"purge", "--all", "-o", "json"}), "{\"removed\":2,\"being_replayed\":0}\n");
  keep({letter(4), letter(5)});
  ASSERT_TRUE(store.request_replay({}, {}, {"bob"}));
  ASSERT_TRUE(store.claim_requested({}, 1));
  EXPECT_EQ(run({"purge", "--state", "kept"}), "0 letters removed\n");
  EXPECT_EQ(run({"purge", "--all"}), "1 letter removed, 1 being replayed and left\n");
}

TEST_F(DeadLettersCommand, ExportsOneALineAndSaysSoInTheAudit) {
  keep({letter(1), letter(2)});
  const auto lines = run({"export"});
  EXPECT_EQ(std::ranges::count(lines, '\n'), 2);
  EXPECT_EQ(run({"export", "-o", "json"}), lines);
  EXPECT_EQ(last_of_audit(), "alice: export all: 2 letters written");
  const auto audit = run({"audit"});
  EXPECT_NE(audit.find("  alice (uid "), std::string::npos);
  EXPECT_TRUE(audit.ends_with(")  export all: 2 letters written\n")) << audit;
}

TEST_F(DeadLettersCommand, FindsThemByTime) {
  keep({letter(1)});
  EXPECT_EQ(run({"list", "--since", "1h"}), "no dead letters\n");
  EXPECT_EQ(run({"list", "--until", "2024-01-31T12:00"}), "no dead letters\n");
  EXPECT_NE(run({"list", "--since", "2024-01-31T12:00", "--until", "1h"}), "no dead letters\n");
  EXPECT_EQ(run({"list", "--since", "yesterday"}),
            "exit 2: events dead-letters list: --since: expected a time as 2024-01-31T12:00:00Z, "
            "or how long ago as 2h, found \"yesterday\"\n"
            "Try 'events dead-letters list --help'.\n");
}

TEST_F(DeadLettersCommand, SaysWhatIsWrongWithItsArguments) {
  const std::string try_it = "Try 'events dead-letters --help'.\n";
  EXPECT_EQ(run({}), "exit 2: events dead-letters: what is to be done?\n" + try_it);
  EXPECT_EQ(run({"lst"}),
            "exit 2: events dead-letters: \"lst\": no such action; did you mean list?\n" + try_it);
  EXPECT_EQ(run({"show"}), "exit 2: events dead-letters: the letter's id is missing\n"
                           "Try 'events dead-letters show --help'.\n");
  EXPECT_EQ(run({"edit", "x"}),
            "exit 2: events dead-letters: expected the id of a letter, found \"x\"\n"
            "Try 'events dead-letters edit --help'.\n");
  EXPECT_EQ(run({"list", "--id", "x", "--kin"}),
            "exit 2: events dead-letters list: --kin: unknown flag; did you mean --kind?\n"
            "Try 'events dead-letters list --help'.\n");
  EXPECT_EQ(run({"edit", "1"}), "exit 2: events dead-letters edit: --payload is required\n"
                                "Try 'events dead-letters edit --help'.\n");
}

TEST_F(DeadLettersCommand, HelpsWithEachAction) {
  EXPECT_NE(run({"--help"}).find("\n  purge        Removes them for good.\n"), std::string::npos);
  EXPECT_EQ(
      run({"show", "--help"}),
      "Shows all that is known about one, and its payload.\n\n"
      "Usage: events dead-letters show ID [FLAG]...\n\n"
      "  --payload                 Only the payload, byte by byte: for edit. [default: false]\n"
      "  --payload-before          Only the payload that its last edit replaced. [default: false]\n"
      "  --output TEXT             For people or for programs; or -o. [one of text, json; "
      "default: text]\n"
      "  --help                    Shows this text.\n"
      "  --version                 Shows the version.\n");
}

TEST(DeadLettersCommandOnAFile, OpensOnlyWhatIsThere) {
  std::string opened;
  const auto run = [&opened](std::vector<const char*> argv) {
    argv.insert(argv.begin(), "dead-letters");
    const captured out{std::cout};
    const captured err{std::cerr};
    const int code = weir::dead_letters_command(static_cast<int>(argv.size()), argv.data(),
                                                "the-events", [&](const std::string& path) {
                                                  opened = path;
                                                  return std::make_shared<memory>();
                                                });
    return std::to_string(code) + ": " + out.text() + err.text();
  };
  ::unsetenv("THE_EVENTS_DEAD_LETTERS");
  EXPECT_EQ(run({"list"}),
            "2: the-events dead-letters list: --dead-letters is required (or "
            "THE_EVENTS_DEAD_LETTERS)\nTry 'the-events dead-letters list --help'.\n");
  EXPECT_EQ(run({"list", "--dead-letters", "/nowhere/x.db"}),
            "1: the-events dead-letters list: there is no file '/nowhere/x.db'\n");
  EXPECT_EQ(opened, "");
  EXPECT_EQ(run({"list", "--dead-letters", "/dev/null"}), "0: no dead letters\n");
  EXPECT_EQ(opened, "/dev/null");
  ::setenv("THE_EVENTS_DEAD_LETTERS", "/dev/zero", 1);
  EXPECT_EQ(run({"list"}), "0: no dead letters\n");
  EXPECT_EQ(opened, "/dev/zero");
}

TEST(Base64, IsAsInRfc4648) {
  std::string all;
  for (const auto* text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"})
    all += weir::internal::base64(text) + " ";
  EXPECT_EQ(all, " Zg== Zm8= Zm9v Zm9vYg== Zm9vYmE= Zm9vYmFy ");
}

TEST(DeadLetterAsJson, ReadsBackAsItWas) {
  auto all = letter(7, "store", "a key");
  all.id = 18'000'000'000'000'000'000U;
  all.part = 4'000'000'000U;
  all.trace_id = "4bf9";
  all.replay_count = 2;
  all.state = weir::dead_letter_state::requested;
  all.why = weir::fatal("root \"é\"").within("outside");
  all.last_failed_at += 1s;
  all.edited_at = all.last_failed_at + 1s;
  for (const std::string payload :
       {"", "text \n\"é", "\xFF", "\xFF\xFE", "\xFF\xFE\xFD", "\xFF\xFE\xFD\xFC"}) {
    all.payload = payload;
    const auto read = weir::dead_letter_from_json(to_json(all));
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(to_json(*read), to_json(all));
    EXPECT_EQ(read->payload, payload);
    EXPECT_EQ(read->edited_at, all.edited_at);
  }
  EXPECT_FALSE(weir::dead_letter_from_json(to_json(letter(1)))->edited_at);
}

TEST(DeadLetterAsJson, SaysWhatIsNoLetter) {
  const auto read = [](std::string text, const std::string& from, const std::string& to) {
    if (const auto place = text.find(from); place != text.npos)
      text.replace(place, from.size(), to);
    const auto letter = weir::dead_letter_from_json(text);
    return letter ? "a letter" : letter.error().message();
  };
  const auto whole = to_json(letter(1));
  EXPECT_EQ(read(whole, "", ""), "a letter");
  EXPECT_EQ(read(whole, "{", ""), "expected a dead letter as a JSON object");
  const std::string what = "expected a dead letter as JSON ← ";
  EXPECT_EQ(read(whole, "\"stage\"", "\"stagger\""),
            what + "\"stage\": expected a text, found nothing");
  EXPECT_EQ(read(whole, "\"part\":0", "\"part\":4294967296"),
            what + "\"part\": expected a whole number, found 4294967296");
  EXPECT_EQ(read(whole, "\"attempts\":2", "\"attempts\":-2"),
            what + "\"attempts\": expected a whole number, found -2");
  EXPECT_EQ(read(whole, "poison", "venom"),
            what + "\"kind\": expected one that is known, found \"venom\"");
  EXPECT_EQ(read(whole, "[\"it is broken\",\"root\"]", "[1]"),
            what + "\"chain\": expected a list of texts, found [1]");
  EXPECT_EQ(read(whole, "2024-01-31T12", "2024-01-32T12"),
            what
                + "\"first_failed_at\": expected a time as 2024-01-31T12:00:00.000Z, found "
                  "\"2024-01-32T12:00:00.007Z\"");
  EXPECT_EQ(read(whole, "\"payload\":\"", "\"payload_base64\":\"!"),
            what
                + "\"payload_base64\": expected base64, found "
                  "\"!{\\\"id\\\":1}\"");
}

} // namespace
