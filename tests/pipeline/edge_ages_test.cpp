#include <weir/pipeline/edge_ages.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

// How old the oldest item of an edge is, from what was written at earlier looks.

namespace {

using namespace std::chrono_literals;

/// One edge, which is looked at when it is told to be.
class EdgeAges : public testing::Test {
protected:
  /// "2 s to 5 s": the bounds, at this second.
  std::string at(std::chrono::seconds now, std::uint64_t written, std::uint64_t read,
                 std::chrono::seconds takes = 0s) {
    std::vector<weir::edge_view> edges(1);
    edges[0].capacity = 1000;
    edges[0].written = written;
    edges[0].read = read;
    ages_.tell(edges, weir::time_point{now}, weir::time_point{now + takes});
    const auto text = [](std::chrono::nanoseconds time) {
      return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
    };
    return text(edges[0].oldest_at_least) + " to "
           + (edges[0].oldest_at_most ? text(*edges[0].oldest_at_most) : "?");
  }

  weir::internal::edge_ages ages_;
};

TEST_F(EdgeAges, AreNotKnownAtTheFirstLook) { EXPECT_EQ(at(10s, 5, 2), "0 s to ?"); }

TEST_F(EdgeAges, OfAnItemThatWasThereAreAtLeastThoseOfTheLook) {
  at(10s, 5, 2);
  EXPECT_EQ(at(17s, 9, 4), "7 s to ?");
}

TEST_F(EdgeAges, OfAnItemThatWasNotThereAreAtMostThoseOfTheLook) {
  at(10s, 5, 2);
  EXPECT_EQ(at(17s, 9, 5), "0 s to 7 s");
}

TEST_F(EdgeAges, LieBetweenTwoLooks) {
  at(10s, 5, 2);
  at(14s, 9, 4);
  EXPECT_EQ(at(20s, 12, 7), "6 s to 10 s");
}

TEST_F(EdgeAges, AreExactTheMoreOftenItIsLookedAt) {
  for (int k = 0; k < 10; ++k)
    at(std::chrono::seconds{k}, static_cast<std::uint64_t>(k), 0);
  EXPECT_EQ(at(10s, 10, 4), "5 s to 6 s") << "the item that came between the seconds 4 and 5";
}

TEST_F(EdgeAges, GrowWhileNothingIsTaken) {
  at(1s, 0, 0);
  at(2s, 4, 0);
  for (int k = 3; k < 100; ++k)
    at(std::chrono::seconds{k}, 4, 0);
  EXPECT_EQ(at(100s, 4, 0), "98 s to 99 s");
}

TEST_F(EdgeAges, OfAnItemThatCameAfterALongPauseAreThoseSinceThen) {
  at(1s, 4, 4);
  at(50s, 4, 4);
  EXPECT_EQ(at(53s, 5, 4), "0 s to 3 s");
  EXPECT_EQ(at(60s, 5, 4), "7 s to 10 s");
}

TEST_F(EdgeAges, AreNoneWhereNothingIsLeft) {
  at(10s, 5, 2);
  EXPECT_EQ(at(17s, 5, 5), "0 s to ?");
}

TEST_F(EdgeAges, AllowForTheTimeThatALookTakes) {
  at(10s, 5, 2, 2s);
  EXPECT_EQ(at(20s, 9, 4, 1s), "8 s to ?");
  EXPECT_EQ(at(30s, 12, 5, 1s), "9 s to 21 s");
}

TEST_F(EdgeAges, StayTrueWhenMoreLooksAreMadeThanAreRemembered) {
  for (int k = 0; k < 1000; ++k)
    at(std::chrono::seconds{k}, static_cast<std::uint64_t>(k), 0);
  for (int read = 0; read < 1000; read += 37) { // item n came between the seconds n and n + 1
    std::vector<weir::edge_view> edges(1);
    edges[0].written = 1000;
    edges[0].read = static_cast<std::uint64_t>(read);
    ages_.tell(edges, weir::time_point{1000s}, weir::time_point{1000s});
    EXPECT_LE(edges[0].oldest_at_least, std::chrono::seconds{1000 - read - 1});
    ASSERT_TRUE(edges[0].oldest_at_most);
    EXPECT_GE(*edges[0].oldest_at_most, std::chrono::seconds{1000 - read});
  }
}

} // namespace
