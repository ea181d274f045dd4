#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/partition_point.hpp>

#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using weir::add_settled;
using weir::partition_point;
using weir::position_range;
using weir::ranges_as_bytes;
using weir::ranges_from_bytes;
using weir::internal::origin;

constexpr auto largest = std::numeric_limits<std::uint64_t>::max();

partition_point point(std::uint64_t position, std::vector<position_range> beyond = {}) {
  return {.partition = "file", .position = position, .beyond = std::move(beyond), .epoch = 7};
}

/// "5 +7-9 +11-11"
std::string said(const partition_point& of) {
  auto text = std::to_string(of.position);
  for (const auto& one : of.beyond)
    text += " +" + std::to_string(one.first) + "-" + std::to_string(one.last);
  return text;
}

std::string sum(partition_point to, const partition_point& more) {
  add_settled(to, more);
  return said(to);
}

std::string bytes(std::initializer_list<unsigned> values) {
  std::string made;
  for (const auto value : values)
    made += static_cast<char>(value);
  return made;
}

/// What the bytes are behind this position, or "none".
std::string read(const std::string& from, std::uint64_t position = 10) {
  auto into = point(position, {{20, 30}});
  if (ranges_from_bytes(from, into))
    return said(into);
  EXPECT_EQ(into, point(position, {{20, 30}})); // as it was
  return "none";
}

TEST(PartitionPoint, GoesForwardOnly) {
  EXPECT_EQ(sum(point(5), point(9)), "9");
  EXPECT_EQ(sum(point(9), point(5)), "9");
  EXPECT_EQ(sum(point(9, {{12, 13}}), point(0)), "9 +12-13");
  EXPECT_EQ(sum(point(0), point(9, {{12, 13}})), "9 +12-13");
}

TEST(PartitionPoint, SwallowsTheRangesThatItsPositionReaches) {
  EXPECT_EQ(sum(point(5, {{7, 8}, {20, 21}}), point(6)), "8 +20-21");
  EXPECT_EQ(sum(point(5, {{7, 8}, {20, 21}}), point(7)), "8 +20-21");
  EXPECT_EQ(sum(point(5, {{7, 8}, {20, 21}}), point(30)), "30");
  EXPECT_EQ(sum(point(5, {{7, 8}, {10, 11}}), point(5, {{6, 6}, {9, 9}})), "11");
}

TEST(PartitionPoint, JoinsRangesThatTouchOrOverlap) {
  EXPECT_EQ(sum(point(0, {{5, 6}, {20, 30}}), point(0, {{7, 8}, {22, 24}})), "0 +5-8 +20-30");
  EXPECT_EQ(sum(point(0, {{5, 6}, {8, 9}, {11, 12}}), point(0, {{6, 11}})), "0 +5-12");
  EXPECT_EQ(sum(point(0, {{5, 6}}), point(0, {{2, 3}, {8, 9}})), "0 +2-3 +5-6 +8-9");
}

TEST(PartitionPoint, KeepsItsNameAndEpoch) {
  auto to = point(1);
  add_settled(to, {.partition = "file", .position = 2, .beyond = {}, .epoch = 9});
  EXPECT_EQ(to, point(2));
}

TEST(PartitionPoint, MayEndAtTheLastNumberThereIs) {
  EXPECT_EQ(sum(point(largest), point(3, {{largest - 1, largest}})), said(point(largest)));
  EXPECT_EQ(sum(point(largest - 2), point(3, {{largest - 1, largest}})), said(point(largest)));
  EXPECT_TRUE(is_settled(point(3, {{largest, largest}}), largest));
}

TEST(PartitionPoint, KnowsWhatIsSettled) {
  const auto some = point(5, {{7, 8}, {11, 11}});
  std::string settled;
  for (std::uint64_t position = 0; position < 14; ++position)
    settled += is_settled(some, position) ? 'x' : '.';
  EXPECT_EQ(settled, "xxxxxx.xx..x..");
}

TEST(PartitionPoint, WritesTheDistancesBetweenTheEnds) {
  EXPECT_EQ(ranges_as_bytes(point(10)), "");
  EXPECT_EQ(ranges_as_bytes(point(10, {{12, 12}, {15, 20}})), bytes({2, 0, 3, 5}));
  EXPECT_EQ(ranges_as_bytes(point(10, {{10 + 128, 10 + 128 + 300}})),
            bytes({0x80, 0x01, 0xAC, 0x02}));
}

TEST(PartitionPoint, ReadsWhatItWrote) {
  for (const auto& one :
       {point(0), point(0, {{2, 2}}), point(10, {{12, 12}, {15, 20}, {1000, 100'000}}),
        point(origin::position_max - 4, {{origin::position_max - 1, origin::position_max}}),
        point(0, {{2, origin::position_max}})}) {
    auto into = point(one.position, {{5000, 6000}});
    EXPECT_TRUE(ranges_from_bytes(ranges_as_bytes(one), into)) << said(one);
    EXPECT_EQ(into, one);
  }
}

TEST(PartitionPoint, RefusesBytesThatAreNoRanges) {
  EXPECT_EQ(read(""), "10");
  EXPECT_EQ(read(bytes({2, 0})), "10 +12-12");
  EXPECT_EQ(read(bytes({2})), "none");             // no length
  EXPECT_EQ(read(bytes({2, 0x80})), "none");       // an unfinished number
  EXPECT_EQ(read(bytes({0x82})), "none");          // another one
  EXPECT_EQ(read(bytes({2, 0x80, 0x00})), "none"); // a number longer than it need be
  EXPECT_EQ(read(bytes({0, 5})), "none");          // ranges that are not apart …
  EXPECT_EQ(read(bytes({1, 5})), "none");          // … of the position
  EXPECT_EQ(read(bytes({2, 0, 1, 0})), "none");    // … of each other
  const std::string nines(9, '\xFF');
  EXPECT_EQ(read(bytes({2}) + nines + bytes({0x01})), "none"); // 2^64 - 1
  EXPECT_EQ(read(nines + bytes({0x01, 0})), "none");
  EXPECT_EQ(read(nines + bytes({0x02, 0})), "none"); // 65 bits
  EXPECT_EQ(read(nines + bytes({0xFF, 0x01, 0})), "none");
}

TEST(PartitionPoint, RefusesRangesBeyondTheLastPosition) {
  EXPECT_EQ(
      read(bytes({2, 1}), origin::position_max - 3),
      said(point(origin::position_max - 3, {{origin::position_max - 1, origin::position_max}})));
  EXPECT_EQ(read(bytes({2, 2}), origin::position_max - 3), "none");
  EXPECT_EQ(read(bytes({4, 0}), origin::position_max - 3), "none");
  EXPECT_EQ(read(bytes({2, 0}), origin::position_max), "none");
  EXPECT_EQ(read(bytes({2, 0}), origin::position_max + 1), "none");
  EXPECT_EQ(read(bytes({2, 0}), largest), "none");
}

class PartitionPointModel : public testing::TestWithParam<unsigned> {
protected:
  std::uint64_t up_to(std::uint64_t most) {
    return std::uniform_int_distribution<std::uint64_t>{0, most}(random_);
  }
  /// The point that says what the set says.
  static partition_point of(const std::set<std::uint64_t>& settled) {
    auto made = point(0);
    for (const auto position : settled) {
      auto& end = made.beyond.empty() ? made.position : made.beyond.back().last;
      if (position == end + 1)
        end = position;
      else
        made.beyond.push_back({position, position});
    }
    return made;
  }
  std::set<std::uint64_t> some(std::uint64_t most) {
    std::set<std::uint64_t> made;
    for (std::uint64_t position = 1, prefix = up_to(most / 2); position <= prefix; ++position)
      made.insert(position);
    for (auto ranges = up_to(12); ranges > 0; --ranges) {
      const auto first = 1 + up_to(most);
      for (auto position = first, last = first + up_to(9); position <= last; ++position)
        made.insert(position);
    }
    return made;
  }

  std::mt19937 random_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Seed, PartitionPointModel, testing::Range(0U, 6U));

TEST_P(PartitionPointModel, DoesWhatASetOfSettledPositionsDoes) {
  for (int round = 0; round < 150 && !HasFailure(); ++round) {
    const auto most = 20 + up_to(400);
    auto settled = some(most);
    auto actual = of(settled);
    for (int more = 0; more < 4; ++more) {
      const auto added = some(most);
      add_settled(actual, of(added));
      settled.insert(added.begin(), added.end());
      ASSERT_EQ(said(actual), said(of(settled)));
    }
    for (std::uint64_t position = 1; position < most + 12; ++position)
      ASSERT_EQ(is_settled(actual, position), settled.contains(position)) << position;
    auto again = point(actual.position);
    ASSERT_TRUE(ranges_from_bytes(ranges_as_bytes(actual), again));
    ASSERT_EQ(again, actual);
  }
}

TEST_P(PartitionPointModel, TakesOfAnyBytesOnlyThoseThatItWouldWrite) {
  int taken = 0;
  for (int round = 0; round < 20'000 && !HasFailure(); ++round) {
    std::string any(up_to(24), '\0');
    const auto most = round % 2 == 0 ? 255U : 130U;
    for (auto& one : any)
      one = static_cast<char>(up_to(most));
    auto into = point(up_to(3) == 0 ? up_to(largest) : up_to(origin::position_max));
    if (!ranges_from_bytes(any, into))
      continue;
    ++taken;
    ASSERT_EQ(ranges_as_bytes(into), any);
    auto end = into.position;
    for (const auto& one : into.beyond) {
      ASSERT_GT(one.first, end + 1);
      ASSERT_LE(one.first, one.last);
      ASSERT_LE(one.last, origin::position_max);
      end = one.last;
    }
  }
  EXPECT_GT(taken, 500);
}

} // namespace
