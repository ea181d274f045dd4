#include "settling.hpp"

#include <weir/mailbox/batch_points.hpp>
#include <weir/mailbox/partition_point.hpp>
#include <weir/mailbox/partition_table.hpp>
#include <weir/mailbox/position_marks.hpp>

#include <cstdint>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace {

using weir::partition_point;
using weir::position_mark;
using weir::internal::origin;
using weir::internal::position_marks;

/// As a source of lines of ten bytes makes them.
position_mark mark(std::uint64_t position) { return {position, 10 * position, 1000 + position}; }

void add(position_marks& to, std::uint64_t first, std::uint64_t last, std::uint64_t prefix = 0) {
  std::vector<position_mark> fresh;
  for (auto at = first; at <= last; ++at)
    fresh.push_back(mark(at));
  to.add(fresh, prefix);
}

TEST(PositionMarks, AreThoseOfExactlyTheirPositions) {
  position_marks all;
  EXPECT_TRUE(all.at(0).empty());
  all.begin(mark(7));
  add(all, 9, 10);
  EXPECT_EQ(all.at(7), mark(7));
  EXPECT_TRUE(all.at(8).empty());
  EXPECT_EQ(all.at(9), mark(9));
  EXPECT_EQ(all.at(10), mark(10));
  EXPECT_TRUE(all.at(11).empty());
  all.begin({});
  EXPECT_TRUE(all.at(9).empty()) << "they begin anew";
}

TEST(PositionMarks, AreForgottenFarBelowThePrefix) {
  position_marks all;
  add(all, 1, 20'000);
  add(all, 20'001, 20'001, 19'000);
  EXPECT_TRUE(all.at(10'000).empty());
  EXPECT_EQ(all.at(18'000), mark(18'000)) << "a point with it may just be made";
  EXPECT_EQ(all.at(20'001), mark(20'001));
}

TEST(PositionMarks, OfAPointAreThoseOfItsLastSettledPosition) {
  weir::internal::partition_table table;
  auto marks = std::make_shared<position_marks>();
  marks->begin(mark(10));
  add(*marks, 11, 30);
  auto how = settling::opening("a", 10);
  how.marks = marks;
  auto& part = table.at(table.open(std::move(how)));
  part.admit(11, 20);
  const auto of = [&](const std::vector<origin>& members) {
    const auto points = weir::internal::batch_points{table, 5, members, members.size()}.without({});
    return points.empty() ? position_mark{} : points.front().mark;
  };
  EXPECT_EQ(of({{0, 11}, {0, 12}}), mark(12));
  EXPECT_EQ(of({{0, 15}, {0, 20}}), mark(20)) << "all of what was read up to there is known by it";
  partition_point begins{.partition = "a", .position = 10};
  part.mark(begins);
  EXPECT_EQ(begins.mark, mark(10));
}

TEST(PositionMarks, OfMoreArePutInThePlaceOfLess) {
  partition_point stored{.partition = "a", .position = 5, .mark = mark(5)};
  weir::add_settled(stored, {.partition = "a", .position = 3, .mark = mark(3)});
  EXPECT_EQ(stored.mark, mark(5));
  weir::add_settled(stored, {.partition = "a", .position = 8});
  EXPECT_EQ(stored.mark, mark(5)) << "none is no news";
  weir::add_settled(stored, {.partition = "a", .position = 5, .beyond = {{7, 9}}, .mark = mark(9)});
  EXPECT_EQ(stored.mark, mark(9));
  const position_mark completed{9, 95, 4};
  weir::add_settled(stored, {.partition = "a", .position = 9, .mark = completed});
  EXPECT_EQ(stored.mark, completed);
  weir::add_settled(stored, {.partition = "a", .position = 9, .mark = mark(9)});
  EXPECT_EQ(stored.mark, completed);
}

} // namespace
