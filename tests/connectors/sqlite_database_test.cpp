#include "sqlite_files.hpp"

#include <weir/connectors/sqlite/database.hpp>

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace weir::sqlite_tests;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using weir::failure_kind;

unsigned mode_of(const std::filesystem::path& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 0777U;
}

TEST(SqliteDatabase, GivesBackTheValuesItWasGiven) {
  const folder in;
  auto opened = database::open(in / "new.db");
  ASSERT_TRUE(opened) << opened.error().message();
  ASSERT_TRUE(opened->execute("CREATE TABLE t(a, b, c, d, e)"));
  auto insert = opened->prepare("INSERT INTO t VALUES(?1, ?2, ?3, ?4, ?5)");
  ASSERT_TRUE(insert) << insert.error().message();
  const std::string text("a\0b\xFF", 4);
  insert->bind_text(1, text);
  insert->bind_integer(2, INT64_MIN);
  insert->bind_real(3, 0.5);
  insert->bind_null(4);
  insert->bind_blob(5, {});
  ASSERT_TRUE(insert->run());
  EXPECT_EQ(opened->changes(), 1);

  auto query = opened->prepare("SELECT typeof(a), a, b, c, typeof(d), typeof(e), length(e) FROM t");
  ASSERT_TRUE(query);
  auto found = query->step();
  ASSERT_TRUE(found && *found);
  EXPECT_EQ(query->text(0), "text");
  EXPECT_EQ(query->text(1), text);
  EXPECT_EQ(query->integer(2), INT64_MIN);
  EXPECT_EQ(query->text(3), "0.5");
  EXPECT_EQ(query->text(4), "null");
  EXPECT_EQ(query->text(5), "blob");
  EXPECT_EQ(query->integer(6), 0);
}

TEST(SqliteDatabase, MakesFilesForTheirOwnerOnly) {
  const folder in;
  const auto before = ::umask(0);
  auto opened = database::open(in / "new.db");
  ::umask(before);
  ASSERT_TRUE(opened);
  ASSERT_TRUE(opened->execute("CREATE TABLE t(a)"));
  EXPECT_EQ(mode_of(in / "new.db"), 0600U);
  EXPECT_EQ(mode_of(in / "new.db-wal"), 0600U);
}

TEST(SqliteDatabase, TakesTheNameOfAFileForNothingElse) {
  const folder in;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(in / "");
  for (const auto* name : {":memory:", "file:x?mode=memory"}) {
    auto opened = database::open(name);
    EXPECT_TRUE(opened && opened->execute("CREATE TABLE t(a)")) << name;
    EXPECT_TRUE(std::filesystem::exists(in / (std::string{name} + "-wal"))) << name;
  }
  std::filesystem::current_path(before);
}

TEST(SqliteDatabase, RefusesAForeignFileAndLeavesItAlone) {
  const folder in;
  for (const std::string& content :
       {std::string{"{\"id\":\"1\"}\n"}, std::string(10'000, 'x'), std::string(512, '\0')}) {
    const auto path = text_file(in / "foreign", content);
    for (const bool read_only : {true, false}) {
      const auto opened = database::open(path, {.read_only = read_only});
      ASSERT_FALSE(opened) << content.size();
      EXPECT_EQ(opened.error().kind, failure_kind::fatal);
      EXPECT_THAT(opened.error().message(),
                  AllOf(StartsWith("can't open the database '" + path + "'"),
                        HasSubstr("file is not a database")));
    }
    std::ostringstream now;
    now << std::ifstream{path}.rdbuf();
    EXPECT_EQ(now.str(), content);
  }
}

TEST(SqliteDatabase, SaysWhyAPathCanBeNone) {
  const folder in;
  const auto plain = text_file(in / "plain", "");
  const auto refusal = [](const std::filesystem::path& path, bool read_only = false) {
    auto opened = database::open(path, {.read_only = read_only});
    if (opened)
      return std::string{"opened"};
    EXPECT_EQ(opened.error().kind, failure_kind::fatal);
    const auto text = opened.error().message();
    const auto layer = "can't open the database '" + path.string() + "' ← ";
    EXPECT_THAT(text, StartsWith(layer));
    return text.substr(std::min(text.size(), layer.size()));
  };
  EXPECT_EQ(refusal(in / "nowhere" / "x.db"), "No such file or directory");
  EXPECT_EQ(refusal(in / "nowhere.db", true), "No such file or directory");
  EXPECT_EQ(refusal(plain + "/x.db"), "Not a directory");
  EXPECT_EQ(refusal(in / ""), "it is not a regular file");
  EXPECT_EQ(refusal(""), "the path of a database is empty or has a NUL byte in it");
  EXPECT_EQ(refusal(std::string{"a\0b", 3}),
            "the path of a database is empty or has a NUL byte in it");
}

TEST(SqliteDatabase, SaysThatAFolderMayNotBeWritten) {
  // Where not even root may make files, and where only root may.
  auto opened = database::open("/proc/weir.db");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, failure_kind::fatal);
  EXPECT_THAT(opened.error().message(), StartsWith("can't open the database '/proc/weir.db' ← "));
  if (::geteuid() == 0)
    return;
  const folder in;
  std::filesystem::permissions(in / "", std::filesystem::perms::owner_read
                                            | std::filesystem::perms::owner_exec);
  opened = database::open(in / "x.db");
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message(), HasSubstr("Permission denied"));
}

TEST(SqliteDatabase, TellsFailuresApartByTheirCodes) {
  for (const int code : {SQLITE_BUSY, SQLITE_BUSY_SNAPSHOT, SQLITE_LOCKED, SQLITE_FULL,
                         SQLITE_IOERR_FSYNC, SQLITE_CANTOPEN, SQLITE_NOMEM})
    EXPECT_EQ(weir::sqlite::kind_of(code), failure_kind::transient) << code;
  for (const int code : {SQLITE_CONSTRAINT_NOTNULL, SQLITE_CONSTRAINT_UNIQUE, SQLITE_TOOBIG,
                         SQLITE_MISMATCH, SQLITE_CONSTRAINT_DATATYPE})
    EXPECT_EQ(weir::sqlite::kind_of(code), failure_kind::poison) << code;
  for (const int code : {SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_READONLY_DBMOVED, SQLITE_ERROR,
                         SQLITE_MISUSE, SQLITE_AUTH})
    EXPECT_EQ(weir::sqlite::kind_of(code), failure_kind::fatal) << code;
}

TEST(SqliteDatabase, SaysWhichFileAndWhatOfAFailedStatement) {
  const folder in;
  auto opened = database::open(in / "x.db");
  ASSERT_TRUE(opened);
  const auto refused = opened->prepare("SELECT * FROM missing");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "SQLite database '" + (in / "x.db").string()
                                           + "' ← no such table: missing (SQLite error 1)");
}

TEST(SqliteDatabase, AValueThatIsTooBigFailsTheStatementOnly) {
  const folder in;
  auto opened = database::open(in / "x.db");
  ASSERT_TRUE(opened);
  auto query = opened->prepare("SELECT length(?1)");
  ASSERT_TRUE(query);
  static const char byte = 'x';
  query->bind_text(1, {&byte, std::size_t{1} << 40U}); // refused by its size, never read
  auto found = query->step();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, failure_kind::poison);
  query->bind_text(1, "four");
  found = query->step();
  ASSERT_TRUE(found && *found);
  EXPECT_EQ(query->integer(0), 4);
}

TEST(SqliteTransaction, RollsBackWhatWasNotCommitted) {
  const folder in;
  auto opened = database::open(in / "x.db");
  ASSERT_TRUE(opened && opened->execute("CREATE TABLE t(a)"));
  for (const bool committed : {false, true}) {
    auto writing = weir::sqlite::transaction::begin(*opened);
    ASSERT_TRUE(writing);
    ASSERT_TRUE(opened->execute("INSERT INTO t VALUES(" + std::to_string(committed) + ")"));
    if (committed) {
      ASSERT_TRUE(writing->commit());
    }
  }
  EXPECT_FALSE(opened->in_transaction());
  EXPECT_THAT(rows(in / "x.db", "SELECT a FROM t"), ElementsAre("1"));
}

} // namespace
