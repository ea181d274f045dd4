#include "../failure_text.hpp"
#include "sqlite_files.hpp"

#include <weir/connectors/sqlite/positions.hpp>

#include <cstdint>
#include <span>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace weir::sqlite_tests;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using weir::failure_kind;
using weir::partition_point;
using weir::position_range;
using weir::sqlite::positions;
using weir_test::text_of;

/// One that claims partitions of the pipeline "events" and stores points of them, in words.
class owner {
public:
  explicit owner(const std::filesystem::path& path) : store_{path, {.busy_timeout = 5s}} {}

  std::string claim(const std::vector<std::string>& partitions) {
    auto claimed = store_.claim("events", partitions);
    if (!claimed)
      return text_of(claimed.error());
    points_ = std::move(*claimed);
    std::string text;
    for (const auto& one : points_) {
      text += one.partition + "#" + std::to_string(one.epoch) + " " + std::to_string(one.position);
      for (const auto& range : one.beyond)
        text += " +" + std::to_string(range.first) + "-" + std::to_string(range.last);
      text += ", ";
    }
    return text;
  }
  /// The same of all its partitions.
  std::string store(std::uint64_t position, const std::vector<position_range>& beyond = {}) {
    auto points = points_;
    for (auto& one : points) {
      one.position = position;
      one.beyond = beyond;
    }
    return store_these(points);
  }
  std::string store_these(std::span<const partition_point> points) {
    const auto fenced = store_.store("events", points);
    if (!fenced)
      return text_of(fenced.error());
    std::string text = "stored";
    for (const auto& one : *fenced)
      text += " fenced:" + one;
    return text;
  }

private:
  positions store_;
  std::vector<partition_point> points_;
};

/// A file as Weir wrote it when partitions were lanes.
void write_lanes(const std::filesystem::path& path) {
  auto opened = database::open(path);
  ASSERT_TRUE(opened);
  const auto made = opened->execute(
      "CREATE TABLE weir_positions(pipeline TEXT NOT NULL, lane TEXT NOT NULL, "
      "position INTEGER NOT NULL, PRIMARY KEY(pipeline, lane));"
      "INSERT INTO weir_positions VALUES('events', 'a', 5), ('events', 'b', 7), ('others', 'a', "
      "9)");
  ASSERT_TRUE(made) << made.error().message();
}

constexpr auto everything =
    "SELECT pipeline || ' ' || \"partition\" || ' ' || position || ' ' || hex(beyond) || ' ' || "
    "epoch FROM weir_positions ORDER BY pipeline, \"partition\"";

TEST(SqlitePositions, AreNotThereBeforeAnythingIsClaimed) {
  const folder in;
  EXPECT_EQ(point_in(in / "nowhere.db", "events", "a"), "nothing");
  EXPECT_FALSE(std::filesystem::exists(in / "nowhere.db"));
  ASSERT_TRUE(database::open(in / "empty.db"));
  EXPECT_EQ(point_in(in / "empty.db", "events", "a"), "nothing");
  EXPECT_THAT(point_in(text_file(in / "foreign", "something else"), "events", "a"),
              HasSubstr("file is not a database"));
  const positions lazy{in / "nowhere.db"};
  EXPECT_FALSE(std::filesystem::exists(in / "nowhere.db"));
  EXPECT_EQ(lazy.name(), "sqlite '" + (in / "nowhere.db").string() + "'");
}

TEST(SqlitePositions, AClaimAnswersWhereEachPartitionIs) {
  const folder in;
  owner one{in / "x.db"};
  EXPECT_EQ(one.claim({"b", "a"}), "b#1 0, a#1 0, ");
  EXPECT_EQ(one.store(5, {{7, 8}, {20, 300}}), "stored");
  owner other{in / "x.db"};
  EXPECT_EQ(other.claim({"a", "c"}), "a#2 5 +7-8 +20-300, c#1 0, ");
  EXPECT_EQ(other.claim({}), "");
  EXPECT_EQ(point_in(in / "x.db", "events", "b"), "5 +7-8 +20-300");
  EXPECT_EQ(point_in(in / "x.db", "events", "c"), "0");
  EXPECT_EQ(point_in(in / "x.db", "others", "a"), "nothing");
}

TEST(SqlitePositions, AnotherClaimFencesTheFirst) {
  const folder in;
  owner first{in / "x.db"};
  EXPECT_EQ(first.claim({"a", "b", "c"}), "a#1 0, b#1 0, c#1 0, ");
  owner second{in / "x.db"};
  EXPECT_EQ(second.claim({"b"}), "b#2 0, ");
  EXPECT_EQ(first.store(5), "stored fenced:b");
  EXPECT_THAT(rows(in / "x.db", everything),
              ElementsAre("events a 5  1", "events b 0  2", "events c 5  1"));
  EXPECT_EQ(second.store(3), "stored");
  EXPECT_EQ(point_in(in / "x.db", "events", "b"), "3");
}

TEST(SqlitePositions, WhatNobodyClaimedIsFenced) {
  const folder in;
  owner one{in / "x.db"};
  const std::vector<partition_point> points{{.partition = "a", .position = 5, .epoch = 1}};
  EXPECT_EQ(one.store_these(points), "stored fenced:a");
  EXPECT_EQ(point_in(in / "x.db", "events", "a"), "nothing");
}

TEST(SqlitePositions, APointWithoutAnEpochIsLeftOut) {
  const folder in;
  write_lanes(in / "x.db"); // whose epochs are 0 as well
  owner one{in / "x.db"};
  const std::vector<partition_point> points{{.partition = "a", .position = 50},
                                            {.partition = "new", .position = 50}};
  EXPECT_EQ(one.store_these(points), "stored");
  EXPECT_EQ(point_in(in / "x.db", "events", "a"), "5");
  EXPECT_EQ(point_in(in / "x.db", "events", "new"), "nothing");
}

TEST(SqlitePositions, NeverGoBack) {
  const folder in;
  owner one{in / "x.db"};
  EXPECT_EQ(one.claim({"a"}), "a#1 0, ");
  std::string seen;
  for (const auto& [position, beyond] :
       std::vector<std::pair<std::uint64_t, std::vector<position_range>>>{
           {5, {{8, 9}}}, {3, {}}, {4, {{11, 12}}}, {7, {}}, {9, {}}, {0, {{10, 10}}}}) {
    EXPECT_EQ(one.store(position, beyond), "stored");
    seen += point_in(in / "x.db", "events", "a") + "; ";
  }
  EXPECT_EQ(seen, "5 +8-9; 5 +8-9; 5 +8-9 +11-12; 9 +11-12; 9 +11-12; 12; ");
}

TEST(SqlitePositions, ATableOfLanesLosesNothing) {
  const folder in;
  write_lanes(in / "x.db");
  EXPECT_EQ(point_in(in / "x.db", "events", "a"), "5"); // to read needs no change
  EXPECT_THAT(rows(in / "x.db", "SELECT lane FROM weir_positions WHERE position = 7"),
              ElementsAre("b"));
  owner one{in / "x.db"};
  EXPECT_EQ(one.claim({"a", "c"}), "a#1 5, c#1 0, ");
  const auto renewed =
      ElementsAre("events a 5  1", "events b 7  0", "events c 0  1", "others a 9  0");
  EXPECT_THAT(rows(in / "x.db", everything), renewed);
  EXPECT_EQ(one.store(6, {{8, 8}}), "stored");
  owner other{in / "x.db"};
  EXPECT_EQ(other.claim({"a", "b"}), "a#2 6 +8-8, b#1 7, ");
}

TEST(SqlitePositions, KeepTheMarkOfMostThatWasRead) {
  const folder in;
  positions store{in / "x.db"};
  const std::vector<std::string> names{"a"};
  ASSERT_TRUE(store.claim("events", names));
  partition_point one{.partition = "a", .position = 5, .epoch = 1};
  one.mark = {.position = 5, .bytes = 50, .digest = 0xFFFF'FFFF'FFFF'FFF0U};
  ASSERT_TRUE(store.store("events", std::vector{one}));
  partition_point less{.partition = "a", .position = 3, .epoch = 1};
  less.mark = {.position = 3, .bytes = 30, .digest = 1};
  ASSERT_TRUE(store.store("events", std::vector{less}));
  const auto known = store.known("events", "a");
  ASSERT_TRUE(known);
  EXPECT_EQ(*known, std::vector{one});
}

TEST(SqlitePositions, SayWhatTheyKnowOfNamesThatBeginSo) {
  const folder in;
  owner one{in / "x.db"};
  EXPECT_EQ(one.claim({"a#1", "a#2", "a", "b#1", "a%#1"}),
            "a#1#1 0, a#2#1 0, a#1 0, b#1#1 0, a%#1#1 0, ");
  positions store{in / "x.db"};
  const auto names = [&](const std::string& pipeline, const std::string& beginning) {
    std::vector<std::string> all;
    if (const auto known = store.known(pipeline, beginning))
      for (const auto& point : *known)
        all.push_back(point.partition);
    return all;
  };
  EXPECT_THAT(names("events", "a#"), testing::UnorderedElementsAre("a#1", "a#2"));
  EXPECT_THAT(names("events", "a%"), ElementsAre("a%#1"));
  EXPECT_THAT(names("others", "a#"), ElementsAre());
  EXPECT_EQ(point_in(in / "x.db", "events", "a"), "0");
  EXPECT_EQ(one.store(1), "stored") << "to look is no claim";
}

TEST(SqlitePositions, ATableWithoutMarksLosesNothing) {
  const folder in;
  {
    auto opened = database::open(in / "x.db");
    ASSERT_TRUE(opened);
    ASSERT_TRUE(opened->execute(
        "CREATE TABLE weir_positions(pipeline TEXT NOT NULL, \"partition\" TEXT NOT NULL, "
        "position INTEGER NOT NULL, beyond BLOB NOT NULL DEFAULT x'', epoch INTEGER NOT NULL "
        "DEFAULT 0, PRIMARY KEY(pipeline, \"partition\"));"
        "INSERT INTO weir_positions VALUES('events', 'a', 5, x'0200', 3)"));
  }
  EXPECT_EQ(point_in(in / "x.db", "events", "a"), "5 +7-7"); // to read needs no change
  owner one{in / "x.db"};
  EXPECT_EQ(one.claim({"a"}), "a#4 5 +7-7, ");
  EXPECT_EQ(one.store(6), "stored");
  EXPECT_EQ(point_in(in / "x.db", "events", "a"), "7");
}

TEST(SqlitePositions, ATableIsRenewedOnceHoweverOftenItIsOpened) {
  const folder in;
  write_lanes(in / "x.db");
  for (int time = 0; time < 3; ++time) {
    auto opened = database::open(in / "x.db");
    ASSERT_TRUE(opened);
    const auto made = weir::sqlite::position_rows::in(*opened);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_FALSE(opened->in_transaction());
  }
  EXPECT_THAT(rows(in / "x.db", everything),
              ElementsAre("events a 5  0", "events b 7  0", "others a 9  0"));
  EXPECT_THAT(rows(in / "x.db", "SELECT group_concat(name) FROM pragma_table_info("
                                "'weir_positions')"),
              ElementsAre("pipeline,partition,position,beyond,epoch,marked,bytes,digest"));
}

TEST(SqlitePositions, ATableOfLanesIsAsItWasIfItCantBeRenewed) {
  const folder in;
  write_lanes(in / "x.db");
  {
    auto opened = database::open(in / "x.db", {.busy_timeout = 0ms});
    ASSERT_TRUE(opened);
    const lock other{in / "x.db", "BEGIN IMMEDIATE"};
    const auto made = weir::sqlite::position_rows::in(*opened);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, failure_kind::transient);
  }
  EXPECT_THAT(rows(in / "x.db", "SELECT lane || position FROM weir_positions"),
              ElementsAre("a5", "b7", "a9"));
  owner one{in / "x.db"};
  EXPECT_EQ(one.claim({"b"}), "b#1 7, ");
}

TEST(SqlitePositions, SeveralThreadsClaimAndStore) {
  const folder in;
  positions all{in / "x.db", {.busy_timeout = 5s}};
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; ++k)
    threads.emplace_back([&all, k] {
      const std::vector<std::string> mine{"own" + std::to_string(k), "shared"};
      for (std::uint64_t round = 1; round <= 25; ++round) {
        auto points = all.claim("events", mine);
        ASSERT_TRUE(points) << points.error().message();
        EXPECT_EQ(points->front().position, round - 1);
        points->front().position = round;
        const auto fenced = all.store("events", *points);
        ASSERT_TRUE(fenced) << fenced.error().message();
      }
    });
  for (auto& one : threads)
    one.join();
  EXPECT_THAT(rows(in / "x.db", everything),
              ElementsAre("events own0 25  25", "events own1 25  25", "events own2 25  25",
                          "events own3 25  25", "events shared 0  100"));
}

TEST(SqlitePositions, ARowThatCantBeReadIsRefusedByName) {
  const folder in;
  owner one{in / "x.db"};
  ASSERT_EQ(one.claim({"a", "b"}), "a#1 0, b#1 0, ");
  const auto refusal = [&](const std::string& change) {
    auto opened = database::open(in / "x.db");
    EXPECT_TRUE(opened
                && opened->execute("UPDATE weir_positions SET position = 10, beyond = x'', epoch "
                                   "= 1;"
                                   "UPDATE weir_positions SET "
                                   + change + " WHERE \"partition\" = 'b'"));
    const auto before = rows(in / "x.db", everything);
    const auto said = one.claim({"a", "b"});
    EXPECT_EQ(rows(in / "x.db", everything), before); // all or none
    EXPECT_EQ(one.store(20).substr(0, 6), "fatal:");
    EXPECT_EQ(rows(in / "x.db", everything), before);
    return said;
  };
  const std::string row = "fatal: can't claim the partitions of pipeline 'events' ← the row of "
                          "pipeline 'events', partition 'b' in table 'weir_positions' is damaged: ";
  EXPECT_EQ(refusal("beyond = x'0200FF'"), row
                                               + "in column 'beyond' expected ranges of positions "
                                                 "beyond 10, found 3 bytes that are none");
  EXPECT_EQ(refusal("position = -1"),
            row + "in column 'position' expected a position from 0 to 281474976710655, found -1");
  EXPECT_EQ(refusal("epoch = -3"),
            row + "in column 'epoch' expected the number of a claim, found -3");
  EXPECT_EQ(refusal("marked = -1"),
            row + "in column 'marked' expected a position from 0 to 281474976710655, found -1");
}

TEST(SqlitePositions, SayWhatIsWrongWithTheirPath) {
  const folder in;
  const auto path = in / "nowhere" / "x.db";
  owner one{path};
  EXPECT_EQ(one.claim({"a"}), "fatal: can't claim the partitions of pipeline 'events' ← can't open "
                              "the database '"
                                  + path.string() + "' ← No such file or directory");
  const std::vector<partition_point> points{{.partition = "a", .position = 5, .epoch = 1}};
  EXPECT_THAT(one.store_these(points),
              StartsWith("fatal: can't store the positions of pipeline 'events' ← can't open"));
  std::filesystem::create_directory(in / "nowhere");
  EXPECT_EQ(one.claim({"a"}), "a#1 0, "); // it is tried again
}

TEST(SqlitePositions, ADatabaseThatIsBusyIsTransientAndStoresNothing) {
  const folder in;
  positions all{in / "x.db", {.busy_timeout = 0ms}};
  const std::vector<std::string> partitions{"a"};
  auto points = all.claim("events", partitions);
  ASSERT_TRUE(points);
  points->front().position = 5;
  {
    const lock other{in / "x.db", "BEGIN IMMEDIATE"};
    const auto claimed = all.claim("events", partitions);
    ASSERT_FALSE(claimed);
    EXPECT_EQ(claimed.error().kind, failure_kind::transient);
    const auto stored = all.store("events", *points);
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().kind, failure_kind::transient);
  }
  EXPECT_THAT(rows(in / "x.db", everything), ElementsAre("events a 0  1"));
  EXPECT_TRUE(all.store("events", *points));
  EXPECT_EQ(point_in(in / "x.db", "events", "a"), "5");
}

} // namespace
