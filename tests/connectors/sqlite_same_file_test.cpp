#include "sqlite_files.hpp"

#include <weir/connectors/sqlite/dead_letters.hpp>
#include <weir/connectors/sqlite/positions.hpp>
#include <weir/connectors/sqlite/table.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace weir::sqlite_tests;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

weir::dead_letter letter(std::uint64_t position) {
  weir::dead_letter one;
  one.pipeline = "events";
  one.stage = "store";
  one.source = "in";
  one.position = position;
  one.payload = one.payload_type = "p";
  one.attempts = 1;
  one.why = weir::poison("why");
  return one;
}

template <class T>
std::string told(const weir::result<T>& what) {
  return what ? "done" : std::string{to_string(what.error().kind)} + ": " + what.error().message();
}

template <class Store>
std::string put(Store& store, std::uint64_t position) {
  return told(store.put(std::vector{letter(position)}));
}

const auto not_there = AllOf(StartsWith("transient"), HasSubstr("not at its path any more"));

TEST(SqliteSameFile, ALetterIsClaimedOnceByWhicheverNameTheFileIsOpened) {
  const folder in;
  const folder elsewhere;
  std::filesystem::create_symlink(in / "dead.db", elsewhere / "link.db");
  weir::dead_letters::sqlite one{in / "dead.db"};
  ASSERT_TRUE(one.open());
  ASSERT_EQ(put(one, 1), "done");
  ASSERT_TRUE(one.request_replay({}, {}, {"test"}));
  weir::dead_letters::sqlite by_link{elsewhere / "link.db"};
  ASSERT_TRUE(by_link.open());

  const auto claimed = one.claim_requested({}, 10);
  ASSERT_TRUE(claimed && claimed->size() == 1) << told(claimed);
  const auto again = by_link.claim_requested({}, 10);
  ASSERT_TRUE(again) << told(again);
  EXPECT_THAT(*again, IsEmpty());
  EXPECT_THAT(rows(in / "dead.db", "SELECT state FROM dead_letters"), ElementsAre("replaying"));
  EXPECT_FALSE(std::filesystem::exists(elsewhere / "link.db-claims"));
}

TEST(SqliteSameFile, AFileOfTwoNamesIsRefusedAsEachWouldHaveALogOfItsOwn) {
  const folder in;
  ASSERT_TRUE(database::open(in / "one.db"));
  std::filesystem::create_hard_link(in / "one.db", in / "two.db");
  for (const auto* name : {"one.db", "two.db"})
    EXPECT_THAT(told(database::open(in / name)),
                AllOf(StartsWith("fatal"), HasSubstr("has 2 names (hard links)")));
  std::filesystem::remove(in / "two.db");
  EXPECT_TRUE(database::open(in / "one.db"));
}

/// Rows, letters and a position in one file, and what each of the stores says when it is asked once more.
class SqliteMovedFile : public testing::Test {
protected:
  SqliteMovedFile() {
    EXPECT_EQ(store_row(), "done");
    EXPECT_EQ(put(letters_, 1), "done");
    const auto claimed = positions_.claim("events", std::vector<std::string>{"in"});
    EXPECT_TRUE(claimed) << told(claimed);
    if (claimed)
      points_ = *claimed;
  }

  std::string store_row() {
    const reading one{std::to_string(++rows_), 1};
    return told(writer_->store(
        1, [&](std::size_t, weir::sqlite::row& values) { fill(one, values); }, "events", {}));
  }
  std::vector<std::string> all() {
    return {store_row(), put(letters_, ++rows_), told(positions_.store("events", points_))};
  }

  folder in_;
  const std::filesystem::path path_ = in_ / "all.db";
  weir::result<weir::sqlite::table_writer> writer_{
      weir::sqlite::table_writer::open(readings(path_))};
  weir::dead_letters::sqlite letters_{path_};
  weir::sqlite::positions positions_{path_};
  std::vector<weir::partition_point> points_;
  std::uint64_t rows_ = 0;
};

TEST_F(SqliteMovedFile, NothingIsWrittenWhereNobodyWouldFindIt) {
  std::filesystem::remove(path_);
  EXPECT_THAT(all(), ElementsAre(not_there, not_there, not_there));
}

TEST_F(SqliteMovedFile, OnceItIsBackItIsWrittenAgain) {
  std::filesystem::rename(path_, in_ / "moved.db");
  EXPECT_THAT(all(), ElementsAre(not_there, not_there, not_there));
  std::filesystem::rename(in_ / "moved.db", path_);
  EXPECT_THAT(all(), ElementsAre("done", "done", "done"));
}

TEST_F(SqliteMovedFile, AnotherFileInItsPlaceIsNotTakenForIt) {
  std::filesystem::copy_file(path_, in_ / "copy.db");
  std::filesystem::rename(in_ / "copy.db", path_);
  EXPECT_THAT(all(), ElementsAre(not_there, not_there, not_there));
}

TEST_F(SqliteMovedFile, ALinkThatLeadsElsewhereIsNotTakenForIt) {
  const auto link = in_ / "link.db";
  std::filesystem::create_symlink(path_, link);
  weir::dead_letters::sqlite by_link{link};
  EXPECT_EQ(put(by_link, 100), "done");
  std::filesystem::copy_file(path_, in_ / "copy.db");
  std::filesystem::remove(link);
  std::filesystem::create_symlink(in_ / "copy.db", link);
  EXPECT_THAT(put(by_link, 101), not_there);
}

TEST_F(SqliteMovedFile, ItsLogIsMissedAsWell) {
  EXPECT_THAT(all(), ElementsAre("done", "done", "done"));
  std::filesystem::remove(path_.string() + "-wal");
  EXPECT_THAT(all(), ElementsAre(not_there, not_there, not_there));
}

} // namespace
