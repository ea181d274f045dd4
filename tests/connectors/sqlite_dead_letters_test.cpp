#include "../failure_text.hpp"
#include "sqlite_files.hpp"

#include <weir/connectors/sqlite/dead_letters.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace weir::sqlite_tests;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using letter_time = std::chrono::system_clock::time_point;

weir::dead_letter letter(std::uint64_t position, std::string payload = "p") {
  return {.pipeline = "events",
          .stage = "parse",
          .source = "in.jsonl",
          .position = position,
          .part = 4'000'000'000U,
          .payload = std::move(payload),
          .payload_type = "std::string",
          .attempts = 3,
          .first_failed_at = letter_time{1706702400s + 7ms},
          .last_failed_at = letter_time{1706702401s + 250ms},
          .why = weir::poison("expected '}'").within("line is no JSON")};
}

std::vector<weir::dead_letter> letters(std::initializer_list<std::uint64_t> positions) {
  std::vector<weir::dead_letter> all;
  for (const auto position : positions)
    all.push_back(letter(position));
  return all;
}

class dead_store {
public:
  explicit dead_store(const folder& in, weir::dead_letters::sqlite_options options = {})
      : path{in / "dead.db"}, store{path, options} {
    const auto opened = store.open();
    EXPECT_TRUE(opened) << opened.error().message();
  }
  std::string put(const std::vector<weir::dead_letter>& some) {
    const auto kept = store.put(some);
    return kept ? "kept" : weir_test::text_of(kept.error());
  }
  std::vector<std::string> select(const std::string& what) const {
    return rows(path, "SELECT " + what + " FROM dead_letters ORDER BY id");
  }

  const std::filesystem::path path;
  weir::dead_letters::sqlite store;
};

TEST(SqliteDeadLetters, KeepEverythingThatIsKnown) {
  const folder in;
  dead_store to{in};
  EXPECT_EQ(to.put({letter(17, "{\"id\":")}), "kept");
  EXPECT_THAT(to.select("pipeline || '|' || stage || '|' || source || '|' || position || '|' || "
                        "part || '|' || kind || '|' || attempts || '|' || replay_count || '|' || "
                        "payload_type"),
              ElementsAre("events|parse|in.jsonl|17|4000000000|poison|3|0|std::string"));
  EXPECT_THAT(to.select("first_failed_at || ' ' || last_failed_at"),
              ElementsAre("2024-01-31T12:00:00.007Z 2024-01-31T12:00:01.250Z"));
  EXPECT_THAT(to.select("cause"), ElementsAre("line is no JSON ← expected '}'"));
  EXPECT_THAT(to.select("chain"), ElementsAre("[\"line is no JSON\",\"expected '}'\"]"));
  EXPECT_THAT(to.select("payload"), ElementsAre("{\"id\":"));
}

TEST(SqliteDeadLetters, AreThereAgainAfterARestart) {
  const folder in;
  {
    dead_store to{in};
    EXPECT_EQ(to.put(letters({1, 2})), "kept");
  }
  dead_store again{in};
  EXPECT_EQ(again.put(letters({2, 3})), "kept");
  EXPECT_THAT(again.select("position"), ElementsAre("1", "2", "3"));
}

TEST(SqliteDeadLetters, ReplaceTheLetterThatWasKeptBefore) {
  const folder in;
  dead_store to{in};
  EXPECT_EQ(to.put({letter(17, "old")}), "kept");
  auto opened = database::open(to.path);
  ASSERT_TRUE(opened && opened->execute("UPDATE dead_letters SET replay_count = 2"));
  auto newer = letter(17, "new");
  newer.attempts = 5;
  newer.why = weir::transient("gone");
  newer.first_failed_at += 1h;
  newer.last_failed_at += 2h;
  auto other_part = letter(17, "part");
  other_part.part = 1;
  EXPECT_EQ(to.put({newer, other_part}), "kept");
  EXPECT_THAT(
      to.select("payload || '|' || attempts || '|' || kind || '|' || cause || '|' || "
                "replay_count"),
      ElementsAre("new|8|transient|gone|2", "part|3|poison|line is no JSON ← expected '}'|0"));
  EXPECT_THAT(to.select("substr(first_failed_at, 12, 2) || '-' || substr(last_failed_at, 12, 2)"),
              ElementsAre("12-14", "12-12"));
}

TEST(SqliteDeadLetters, KeepTextAsTextAndOtherBytesAsBlobs) {
  const folder in;
  dead_store to{in};
  const std::vector<std::pair<std::string, std::string>> payloads{
      {"", "text"},
      {"plain", "text"},
      {"12", "text"},
      {"gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80 \xF4\x8F\xBF\xBF", "text"},
      {std::string{"a\0b", 3}, "blob"},
      {"\xFF", "blob"},
      {"cut \xE2\x82", "blob"},
      {"overlong \xC0\xAF", "blob"},
      {"overlong \xE0\x80\xAF", "blob"},
      {"overlong \xF0\x80\x80\xAF", "blob"},
      {"surrogate \xED\xA0\x80", "blob"},
      {"beyond \xF4\x90\x80\x80", "blob"},
      {"beyond \xF5\x80\x80\x80", "blob"},
      {"alone \x80", "blob"}};
  std::vector<weir::dead_letter> all;
  for (std::size_t k = 0; k < payloads.size(); ++k)
    all.push_back(letter(k, payloads[k].first));
  EXPECT_EQ(to.put(all), "kept");
  const auto bytes = to.select("payload");
  const auto types = to.select("typeof(payload)");
  ASSERT_EQ(bytes.size(), payloads.size());
  for (std::size_t k = 0; k < payloads.size(); ++k) {
    EXPECT_EQ(bytes[k], payloads[k].first);
    EXPECT_EQ(types[k], payloads[k].second) << payloads[k].first;
  }
}

TEST(SqliteDeadLetters, SayTheCauseInCharactersThatEverybodyCanRead) {
  const folder in;
  dead_store to{in};
  auto strange = letter(1);
  strange.why = weir::poison(std::string{"found \xFF and \0 \"here\"", 18}).within("grün\n");
  EXPECT_EQ(to.put({strange}), "kept");
  EXPECT_THAT(to.select("cause"), ElementsAre("grün\n ← found \uFFFD and \uFFFD \"her"));
  EXPECT_THAT(to.select("json_extract(chain, '$[1]')"),
              ElementsAre("found \uFFFD and \uFFFD \"her"));
}

TEST(SqliteDeadLetters, AFullStoreRefusesAllOfThemAndTakesThemLater) {
  const folder in;
  dead_store to{in, {.capacity = 3}};
  EXPECT_EQ(to.put(letters({1, 2})), "kept");
  EXPECT_EQ(to.put(letters({3, 4})), "transient: can't keep dead letters in '" + to.path.string()
                                         + "' ← it is full (capacity 3 letters)");
  EXPECT_THAT(to.select("position"), ElementsAre("1", "2"));
  EXPECT_EQ(to.put(letters({3})), "kept");
  EXPECT_EQ(to.put(letters({1, 2, 3})), "kept"); // replaced
  auto opened = database::open(to.path);
  ASSERT_TRUE(opened && opened->execute("DELETE FROM dead_letters WHERE position = 1"));
  EXPECT_EQ(to.put(letters({4})), "kept");
  EXPECT_THAT(to.select("position"), ElementsAre("2", "3", "4"));
}

TEST(SqliteDeadLetters, WhatFailsAgainIsTakenAlsoWhereThereAreTooManyAlready) {
  const folder in;
  EXPECT_EQ(dead_store{in}.put(letters({1, 2, 3})), "kept");
  dead_store smaller{in, {.capacity = 2}};
  EXPECT_EQ(smaller.put(letters({1})), "kept");
  EXPECT_THAT(smaller.put(letters({1, 4})), testing::StartsWith("transient: "));
  EXPECT_THAT(smaller.select("position"), ElementsAre("1", "2", "3"));
}

TEST(SqliteDeadLetters, AreRefusedAsTransientWhileAnotherWrites) {
  const folder in;
  dead_store to{in, {.busy_timeout = 0ms}};
  {
    const lock other{to.path};
    EXPECT_THAT(to.put(letters({1})), AllOf(StartsWith("transient"), HasSubstr("locked")));
  }
  EXPECT_EQ(to.put(letters({1})), "kept");
  EXPECT_THAT(to.select("position"), ElementsAre("1"));
}

TEST(SqliteDeadLetters, AFileThatIsBusyAtTheStartIsOpenedLater) {
  const folder in;
  ASSERT_TRUE(database::open(in / "dead.db"));
  weir::dead_letters::sqlite store{in / "dead.db", {.busy_timeout = 0ms}};
  {
    const lock other{in / "dead.db"};
    EXPECT_TRUE(store.open());
    EXPECT_FALSE(store.put(letters({1})));
  }
  EXPECT_TRUE(store.put(letters({1})));
  EXPECT_THAT(rows(in / "dead.db", "SELECT position FROM dead_letters"), ElementsAre("1"));
}

TEST(SqliteDeadLetters, AFileThatHasNoNextNumberIsSaidToBeDamaged) {
  const folder in;
  dead_store to{in};
  EXPECT_EQ(to.put(letters({1})), "kept");
  ASSERT_TRUE(to.store.request_replay({}, {}, {.who = "test"}));
  EXPECT_THAT(rows(to.path, "SELECT name FROM dead_letter_numbers ORDER BY name"),
              ElementsAre("claimant", "id"));
  {
    auto other = database::open(to.path, {.busy_timeout = 5s});
    ASSERT_TRUE(other && other->execute("DELETE FROM dead_letter_numbers"));
  }
  const auto claimed = to.store.claim_requested({}, 1);
  ASSERT_FALSE(claimed);
  EXPECT_THAT(claimed.error().message(), HasSubstr("the file is damaged"));
  EXPECT_THAT(to.put(letters({2})), StartsWith("fatal: "));
}

TEST(SqliteDeadLetters, AFileThatCantHoldThemIsRefusedAtTheStart) {
  const folder in;
  const auto refusal = [](const std::filesystem::path& path) {
    const auto opened = weir::dead_letters::sqlite{path}.open();
    return opened ? "opened" : opened.error().message();
  };
  EXPECT_THAT(refusal(text_file(in / "foreign", "some text, and no database")),
              HasSubstr("file is not a database"));
  EXPECT_EQ(refusal(in / "nowhere" / "x.db"), "can't open the database '"
                                                  + (in / "nowhere" / "x.db").string()
                                                  + "' ← No such file or directory");
  {
    auto other = database::open(in / "other.db");
    ASSERT_TRUE(other && other->execute("CREATE TABLE dead_letters(name)"));
  }
  EXPECT_THAT(refusal(in / "other.db"), HasSubstr("table dead_letters has no column named"));
}

} // namespace
