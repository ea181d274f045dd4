#include "power_cut_vfs.hpp"
#include "sqlite_files.hpp"

#include <weir/connectors/sqlite/dead_letters.hpp>
#include <weir/connectors/sqlite/positions.hpp>
#include <weir/connectors/sqlite/table.hpp>

#include <map>
#include <set>

#include <gmock/gmock.h>

namespace {

using namespace weir::sqlite_tests;
using weir::dead_letter;
using weir::partition_point;
using weir::sqlite::durability;

/// Stores of several files, and what each power cut would leave of them.
class SqlitePowerCut : public testing::Test {
protected:
  static weir::sqlite::table_writer table(const std::filesystem::path& path) {
    auto opened = weir::sqlite::table_writer::open(readings(path));
    EXPECT_TRUE(opened) << opened.error().message();
    return std::move(*opened);
  }
  static void store(weir::sqlite::table_writer& to, const std::string& id,
                    const weir::sqlite::table_writer::points_without& points = {}) {
    const reading one{id, 1};
    const auto stored = to.store(
        1, [&](std::size_t, weir::sqlite::row& values) { fill(one, values); }, "events", points);
    EXPECT_TRUE(stored) << stored.error().message();
  }
  static dead_letter letter() {
    dead_letter one;
    one.pipeline = "events";
    one.stage = "store";
    one.source = "in";
    one.position = 1;
    one.payload = one.payload_type = "p";
    one.attempts = 1;
    one.why = weir::poison("why");
    return one;
  }

  /// Shows what is left of every power cut, by the luck of either file. How many different things that is.
  template <class Look>
  std::size_t after_each_cut(const std::vector<disk::state>& steps, const std::string& first,
                             const std::string& second, Look look) {
    std::set<std::map<std::string, std::string>> seen;
    for (std::size_t k = 0; k < steps.size(); ++k)
      for (const auto& luck : {std::string{"none"}, first, second}) {
        const auto left = left_by_cut(steps[k], luck);
        if (!seen.insert(left).second)
          continue;
        make_files(left, left_);
        SCOPED_TRACE("step " + std::to_string(k) + ", of " + luck + " is left what was written");
        look(left_);
      }
    return seen.size();
  }

  static std::size_t count(const std::filesystem::path& path, const std::string& table) {
    const auto found = rows(path, "SELECT count(*) FROM " + table).front();
    EXPECT_THAT(found, testing::MatchesRegex("[0-9]+"));
    return static_cast<std::size_t>(std::strtoul(found.c_str(), nullptr, 10));
  }

  power_cut_vfs vfs_;
  folder in_;
  folder other_;
  std::filesystem::path left_ = other_ / "left";
};

TEST_F(SqlitePowerCut, LeavesTheRowOfALetterThatWentThroughOrTheLetter) {
  auto to = table(in_ / "rows.db");
  weir::dead_letters::sqlite letters{in_ / "dead.db"};
  ASSERT_TRUE(letters.open());
  ASSERT_TRUE(letters.put(std::vector{letter()}));
  ASSERT_TRUE(letters.request_replay({}, {}, {"test"}));
  const auto claimed = letters.claim_requested({}, 1);
  ASSERT_TRUE(claimed && claimed->size() == 1);

  disk::instance().watch((in_ / "").parent_path());
  store(to, "1");
  ASSERT_TRUE(letters.replayed(std::vector{claimed->front().id}, {"test"}));
  const auto steps = disk::instance().stop();

  EXPECT_THAT(rows(in_ / "dead.db", "SELECT id FROM dead_letters"), testing::IsEmpty());
  const auto looked = after_each_cut(steps, "rows", "dead", [](const std::filesystem::path& left) {
    EXPECT_GT(count(left / "rows.db", "readings") + count(left / "dead.db", "dead_letters"), 0U);
  });
  EXPECT_GT(looked, 3U);
}

TEST_F(SqlitePowerCut, LeavesNoPositionPastARowOfAnotherFile) {
  auto one = table(in_ / "one.db");
  auto two = table(in_ / "two.db");
  weir::sqlite::positions positions{in_ / "two.db"};
  const auto claimed = positions.claim("events", std::vector<std::string>{"in"});
  ASSERT_TRUE(claimed) << claimed.error().message();
  auto point = claimed->front();

  disk::instance().watch((in_ / "").parent_path());
  for (std::uint64_t k = 1; k <= 3; ++k) { // each item is a row of both
    store(one, std::to_string(k));
    point.position = k;
    store(two, std::to_string(k), [&](std::span<const std::size_t>) { return std::vector{point}; });
  }
  const auto steps = disk::instance().stop();

  EXPECT_EQ(point_in(in_ / "two.db", "events", "in"), "3");
  const auto looked = after_each_cut(steps, "one", "two", [](const std::filesystem::path& left) {
    const auto position = point_in(left / "two.db", "events", "in");
    EXPECT_LE(std::stoul(position), count(left / "one.db", "readings"));
    EXPECT_LE(std::stoul(position), count(left / "two.db", "readings"));
  });
  EXPECT_GT(looked, 6U);
}

TEST_F(SqlitePowerCut, LeavesNoPositionInAFileOfItsOwnPastItsRow) {
  auto to = table(in_ / "rows.db");
  weir::sqlite::positions positions{in_ / "positions.db"};
  const auto claimed = positions.claim("events", std::vector<std::string>{"in"});
  ASSERT_TRUE(claimed) << claimed.error().message();
  auto point = claimed->front();

  disk::instance().watch((in_ / "").parent_path());
  for (std::uint64_t k = 1; k <= 3; ++k) {
    store(to, std::to_string(k));
    point.position = k;
    ASSERT_TRUE(positions.store("events", std::vector{point}));
  }
  const auto steps = disk::instance().stop();

  const auto looked =
      after_each_cut(steps, "rows", "positions", [](const std::filesystem::path& left) {
        const auto position = point_in(left / "positions.db", "events", "in");
        EXPECT_LE(std::stoul(position), count(left / "rows.db", "readings"));
      });
  EXPECT_GT(looked, 6U);
}

TEST_F(SqlitePowerCut, CommitsThatNothingRestsOnWaitForNoDisk) {
  auto to = table(in_ / "rows.db");
  store(to, "0"); // begins the log
  disk::instance().watch((in_ / "").parent_path());
  for (int k = 1; k <= 3; ++k)
    store(to, std::to_string(k));
  const auto steps = disk::instance().stop();
  ASSERT_FALSE(steps.empty());
  make_files(left_by_cut(steps.back(), "none"), left_);
  EXPECT_EQ(count(left_ / "rows.db", "readings"), 1U);
  make_files(left_by_cut(steps.back(), "rows"), left_);
  EXPECT_EQ(count(left_ / "rows.db", "readings"), 4U);
}

} // namespace
