#include "sqlite_files.hpp"

#include <weir/connectors/sqlite/positions.hpp>
#include <weir/connectors/sqlite/table.hpp>

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace weir::sqlite_tests;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using weir::failure_kind;

/// Writes batches without a pipeline, and says what came of them in short. Row k of a batch that leads to position n
/// has the position n - count + 1 + k.
class table {
public:
  explicit table(const folder& in, const std::string& before = {})
      : path_{in / "x.db"},
        point_{claim()},
        writer_{weir::sqlite::table_writer::open(readings(path_, before))} {
    EXPECT_TRUE(writer_) << writer_.error().message();
  }

  std::string store(const std::vector<reading>& batch, std::uint64_t position) {
    return store(
        batch.size(), [&](std::size_t k, weir::sqlite::row& row) { fill(batch[k], row); },
        position);
  }
  std::string store(std::size_t count, const weir::sqlite::table_writer::fill_row& fill_row,
                    std::uint64_t position) {
    const auto first = position + 1 - count;
    auto reached = point_;
    last = writer_->store(count, fill_row, "p", [&](std::span<const std::size_t> rejected) {
      for (std::size_t k = 0; k < count; ++k)
        if (!std::ranges::binary_search(rejected, k))
          add_settled(reached, {.partition = "partition", .beyond = {{first + k, first + k}}});
      return std::vector{reached};
    });
    if (!last)
      return std::string{to_string(last.error().kind)};
    if (!last->fenced.empty())
      return "fenced:" + last->fenced.front();
    point_ = reached;
    std::string text = "stored";
    for (const auto index : last->filtered)
      text += " filtered:" + std::to_string(index);
    for (const auto& one : last->rejected)
      text += " rejected:" + std::to_string(one.index);
    return text;
  }
  std::vector<std::string> ids() const {
    return rows(path_, "SELECT id FROM readings ORDER BY rowid");
  }
  std::string point() const { return point_in(path_, "p", "partition"); }
  /// As a pipeline does when it begins.
  weir::partition_point claim() const {
    const std::vector<std::string> partitions{"partition"};
    const auto claimed = weir::sqlite::positions{path_}.claim("p", partitions);
    EXPECT_TRUE(claimed) << claimed.error().message();
    return claimed ? claimed->front() : weir::partition_point{};
  }
  /// The letter of this position is stored.
  void settle(std::uint64_t position) {
    add_settled(point_, {.partition = "partition", .beyond = {{position, position}}});
  }
  const std::filesystem::path& path() const { return path_; }

  weir::result<weir::batch_outcome> last{weir::batch_outcome{}};

private:
  std::filesystem::path path_;
  weir::partition_point point_; // what the books say
  weir::result<weir::sqlite::table_writer> writer_;
};

TEST(SqliteTable, StoresABatchAndItsPositionTogether) {
  const folder in;
  table to{in};
  EXPECT_EQ(to.store({{"a", 1}, {"b", 2}}, 2), "stored");
  EXPECT_EQ(to.store({{"c", 3}}, 3), "stored");
  EXPECT_THAT(to.ids(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(to.point(), "3");
}

TEST(SqliteTable, FiltersARepeatedKeyAndKeepsTheFirst) {
  const folder in;
  table to{in};
  EXPECT_EQ(to.store({{"a", 1}, {"b", 2}, {"a", 3}}, 3), "stored filtered:2");
  EXPECT_EQ(to.store({{"b", 4}, {"c", 5}, {"c", 6}}, 6), "stored filtered:0 filtered:2");
  EXPECT_THAT(rows(to.path(), "SELECT id || value FROM readings ORDER BY id"),
              ElementsAre("a1", "b2", "c5"));
  EXPECT_EQ(to.point(), "6");
}

TEST(SqliteTable, RejectsABadRowAloneWithItsCause) {
  const folder in;
  table to{in};
  ASSERT_EQ(to.store({{"a", 1}, {"b", 100}, {std::nullopt, 2}, {"c", 3}}, 4),
            "stored rejected:1 rejected:2");
  EXPECT_THAT(to.ids(), ElementsAre("a", "c"));
  const auto& why = to.last->rejected;
  EXPECT_EQ(why[0].why.kind, failure_kind::poison);
  EXPECT_THAT(why[0].why.message(),
              AllOf(StartsWith("can't store rows in table 'readings' ← SQLite database '"),
                    HasSubstr("CHECK constraint failed: value < 100")));
  EXPECT_EQ(why[1].why.message(),
            "can't store rows in table 'readings' ← the row has no key: column 'id' is null");
}

TEST(SqliteTable, LeavesARowOpenWhoseDeadLetterIsNotStoredYet) {
  const folder in;
  table to{in};
  EXPECT_EQ(to.store({{"a", 1}}, 1), "stored");
  EXPECT_EQ(to.store({{"b", 2}, {"c", 100}, {"d", 3}, {"e", 100}, {"f", 4}}, 6),
            "stored rejected:1 rejected:3");
  EXPECT_EQ(to.point(), "2 +4-4 +6-6");
  EXPECT_THAT(rows(to.path(), "SELECT hex(beyond) FROM weir_positions"), ElementsAre("02000200"));
  to.settle(3);
  EXPECT_EQ(to.store({{"g", 4}}, 7), "stored");
  EXPECT_EQ(to.point(), "4 +6-7");
  to.settle(5);
  EXPECT_EQ(to.store({}, 7), "stored");
  EXPECT_EQ(to.point(), "7");
}

TEST(SqliteTable, StoresNoRowOfAPartitionThatAnotherOneHasClaimed) {
  const folder in;
  table to{in};
  EXPECT_EQ(to.store({{"a", 1}}, 1), "stored");
  EXPECT_EQ(to.claim().epoch, 2U);
  EXPECT_EQ(to.store({{"b", 2}, {"a", 1}, {"c", 100}}, 4), "fenced:partition");
  EXPECT_THAT(to.last->filtered, IsEmpty());
  EXPECT_THAT(to.last->rejected, IsEmpty());
  EXPECT_THAT(to.ids(), ElementsAre("a"));
  EXPECT_EQ(to.point(), "1");
}

TEST(SqliteTable, StoresRowsWithoutPointsWhereNobodyKeepsThem) {
  const folder in;
  auto writer = weir::sqlite::table_writer::open(readings(in / "x.db"));
  ASSERT_TRUE(writer);
  const auto one = [](std::size_t, weir::sqlite::row& row) { fill({"a", 1}, row); };
  ASSERT_TRUE(writer->store(1, one, "p", nullptr));
  EXPECT_THAT(rows(in / "x.db", "SELECT name FROM sqlite_master WHERE type = 'table'"),
              ElementsAre("readings"));
  EXPECT_THAT(rows(in / "x.db", "SELECT id FROM readings"), ElementsAre("a"));
}

TEST(SqliteTable, RejectsARowThatItsFunctionThrowsAt) {
  const folder in;
  table to{in};
  const auto throwing = [](std::size_t k, weir::sqlite::row& row) {
    row.set("id", std::to_string(k));
    if (k == 1)
      throw std::runtime_error{"no value"};
    row.set("value", 1);
  };
  EXPECT_EQ(to.store(3, throwing, 3), "stored rejected:1");
  EXPECT_EQ(to.last->rejected[0].why.kind, failure_kind::poison);
  EXPECT_EQ(to.last->rejected[0].why.message(),
            "can't store rows in table 'readings' ← the row function failed ← no value");
  EXPECT_THAT(to.ids(), ElementsAre("0", "2"));
}

TEST(SqliteTable, ForgetsTheValuesOfTheRowBefore) {
  const folder in;
  table to{in};
  const auto forgetful = [](std::size_t k, weir::sqlite::row& row) {
    row.set("id", std::to_string(k));
    if (k == 0)
      row.set("value", 1);
  };
  EXPECT_EQ(to.store(2, forgetful, 2), "stored rejected:1");
}

TEST(SqliteTable, RejectsANumberThatSqliteCantHold) {
  const folder in;
  table to{in};
  const auto huge = [](std::size_t k, weir::sqlite::row& row) {
    row.set("id", std::to_string(k));
    row.set("value", std::uint64_t{k == 0 ? UINT64_MAX : 1});
  };
  EXPECT_EQ(to.store(2, huge, 2), "stored rejected:0");
  EXPECT_THAT(to.last->rejected[0].why.message(), HasSubstr("the value of column 'value'"));
}

TEST(SqliteTable, TakesNumbersOfEveryType) {
  const folder in;
  table to{in};
  const auto each = [](std::size_t k, weir::sqlite::row& row) {
    row.set("id", std::to_string(k));
    switch (k) {
    case 0:
      return row.set("value", true);
    case 1:
      return row.set("value", -1);
    case 2:
      return row.set("value", std::uint8_t{2});
    case 3:
      return row.set("value", std::uint64_t{3});
    default:
      return row.set("value", 4.0F);
    }
  };
  EXPECT_EQ(to.store(5, each, 5), "stored");
  EXPECT_THAT(rows(to.path(), "SELECT value FROM readings ORDER BY id"),
              ElementsAre("1", "-1", "2", "3", "4"));
}

TEST(SqliteTable, AColumnThatIsNotThereIsTheProgramsFault) {
  const folder in;
  table to{in};
  const auto wrong = [](std::size_t k, weir::sqlite::row& row) {
    row.set("id", std::to_string(k));
    row.set("valeu", 1);
  };
  EXPECT_EQ(to.store(2, wrong, 2), "fatal");
  EXPECT_THAT(to.last.error().message(), HasSubstr("sets column 'valeu', which is not among"));
  EXPECT_THAT(to.ids(), IsEmpty());
}

TEST(SqliteTable, StoresNothingWhileAnotherWritesAndNothingTwiceAfterwards) {
  const folder in;
  table to{in};
  {
    const lock other{to.path()};
    EXPECT_EQ(to.store({{"a", 1}, {"b", 2}}, 2), "transient");
    EXPECT_THAT(to.last.error().message(), HasSubstr("database is locked"));
    EXPECT_EQ(to.store({{"a", 1}, {"b", 2}}, 2), "transient");
  }
  EXPECT_THAT(to.ids(), IsEmpty());
  EXPECT_EQ(to.store({{"a", 1}, {"b", 2}}, 2), "stored");
  EXPECT_THAT(to.ids(), ElementsAre("a", "b"));
  EXPECT_EQ(to.point(), "2");
}

TEST(SqliteTable, StoresNothingWhenTheCommitIsBusyAndNothingTwiceAfterwards) {
  const folder in;
  // Without a write-ahead log a reader keeps a commit waiting.
  table to{in, "PRAGMA journal_mode = DELETE;"};
  EXPECT_EQ(to.store({{"a", 1}}, 1), "stored");
  {
    const lock reader{to.path(), "BEGIN; SELECT * FROM readings"};
    EXPECT_EQ(to.store({{"b", 2}, {"c", 3}}, 3), "transient");
    EXPECT_EQ(to.store({{"b", 2}, {"c", 3}}, 3), "transient");
  }
  EXPECT_THAT(to.ids(), ElementsAre("a"));
  EXPECT_EQ(to.point(), "1");
  EXPECT_EQ(to.store({{"b", 2}, {"c", 3}}, 3), "stored");
  EXPECT_THAT(to.ids(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(to.point(), "3");
}

TEST(SqliteTable, ACommitThatFailsTakesRowsAndPositionWithIt) {
  const folder in;
  table to{in, "PRAGMA foreign_keys = ON;"
               "CREATE TABLE IF NOT EXISTS owners(id TEXT PRIMARY KEY);"
               "CREATE TABLE IF NOT EXISTS readings(id TEXT PRIMARY KEY, value INTEGER,"
               "  FOREIGN KEY(id) REFERENCES owners(id) DEFERRABLE INITIALLY DEFERRED);"};
  EXPECT_EQ(to.store({{"a", 1}}, 1), "poison");
  EXPECT_THAT(to.last.error().message(), HasSubstr("FOREIGN KEY constraint failed"));
  EXPECT_THAT(to.ids(), IsEmpty());
  EXPECT_EQ(to.point(), "0");
}

TEST(SqliteTable, ADiskThatIsFullIsTransient) {
  const folder in;
  table to{in, "PRAGMA max_page_count = 8;"};
  std::vector<reading> many(20'000);
  for (std::size_t k = 0; k < many.size(); ++k)
    many[k].id = std::to_string(k);
  EXPECT_EQ(to.store(many, 20'000), "transient");
  EXPECT_THAT(to.last.error().message(), HasSubstr("database or disk is full"));
  EXPECT_THAT(to.ids(), IsEmpty());
  EXPECT_EQ(to.store({{"a", 1}}, 1), "stored");
}

TEST(SqliteTable, ATableWhoseRulesRollBackEverythingIsRefusedByName) {
  const folder in;
  table to{in, "CREATE TABLE readings(id TEXT PRIMARY KEY, value INTEGER);"
               "CREATE TRIGGER rule BEFORE INSERT ON readings WHEN new.value > 7 "
               "BEGIN SELECT RAISE(ROLLBACK, 'more than seven'); END;"};
  EXPECT_EQ(to.store({{"a", 1}, {"b", 8}, {"c", 2}}, 3), "fatal");
  EXPECT_THAT(to.last.error().message(),
              AllOf(HasSubstr("roll the whole transaction back"), HasSubstr("more than seven")));
  EXPECT_THAT(to.ids(), IsEmpty());
}

TEST(SqliteTable, NoTextIsTakenForSql) {
  const folder in;
  table to{in};
  const std::vector<std::string> texts{"'); DROP TABLE readings;--",
                                       "\"; DELETE FROM readings; --",
                                       "' OR '1'='1",
                                       "?1",
                                       ":id",
                                       "$id",
                                       "%' UNION SELECT name FROM sqlite_master --",
                                       "/* x",
                                       "\\'",
                                       std::string{"a\0'); DROP TABLE readings;--", 28}};
  std::vector<reading> batch;
  for (const auto& text : texts)
    batch.push_back({text, 1});
  EXPECT_EQ(to.store(batch, texts.size()), "stored");
  EXPECT_EQ(to.ids(), texts);
  EXPECT_EQ(to.point(), std::to_string(texts.size()));
}

TEST(SqliteTable, NamesThatAreNoneAreRefusedBeforeAnythingIsOpened) {
  const folder in;
  const auto refusal = [&](auto change) {
    auto options = readings(in / "x.db");
    change(options);
    const auto opened = weir::sqlite::table_writer::open(options);
    EXPECT_FALSE(std::filesystem::exists(in / "x.db"));
    return opened ? "opened" : opened.error().message();
  };
  EXPECT_EQ(refusal([](auto& options) { options.table = "a\"; DROP TABLE b"; }),
            "the table must be a name of letters, digits and underscores; found 'a\"; DROP TABLE "
            "b'");
  EXPECT_EQ(refusal([](auto& options) { options.columns[1] = "1st"; }),
            "a column of table 'readings' must be a name of letters, digits and underscores; found "
            "'1st'");
  EXPECT_EQ(refusal([](auto& options) { options.columns[1] = "id"; }),
            "table 'readings' has column 'id' twice");
  EXPECT_EQ(refusal([](auto& options) { options.columns.clear(); }),
            "table 'readings' has no columns to set");
  EXPECT_EQ(refusal([](auto& options) { options.key = ""; }),
            "the key of table 'readings' must be one of its columns; found ''");
}

TEST(SqliteTable, ATableThatDoesNotFitIsRefusedAtTheStart) {
  const folder in;
  const auto refusal = [&](auto change) {
    auto options = readings(in / "x.db");
    change(options);
    const auto opened = weir::sqlite::table_writer::open(options);
    if (opened)
      return std::string{"opened"};
    EXPECT_EQ(opened.error().kind, failure_kind::fatal);
    return opened.error().message();
  };
  const auto file = "SQLite database '" + (in / "x.db").string() + "' ← ";
  EXPECT_EQ(refusal([](auto& options) { options.create = "CREATE TABLE"; }),
            "can't use table 'readings' ← the SQL that creates it fails ← " + file
                + "incomplete input (SQLite error 1)");
  EXPECT_EQ(refusal([](auto& options) { options.columns.push_back("more"); }),
            "can't use table 'readings' ← " + file
                + "table readings has no column named more (SQLite error 1)");
  EXPECT_EQ(refusal([](auto& options) { options.key = "value"; }),
            "can't use table 'readings' ← " + file
                + "ON CONFLICT clause does not match any PRIMARY KEY or UNIQUE constraint (SQLite "
                  "error 1)");
}

} // namespace
