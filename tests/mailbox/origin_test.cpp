#include <weir/mailbox/origin.hpp>

#include <cstdint>
#include <memory>

#include <gtest/gtest.h>

namespace {

using weir::internal::origin;

static_assert(sizeof(origin) == sizeof(std::uint64_t), "an origin is one word in every slot");

TEST(Origin, OfNothingIsEmptyAndNoGroup) {
  EXPECT_TRUE(origin{}.empty());
  EXPECT_FALSE(origin{}.is_group());
  EXPECT_EQ(origin{}.word(), 0U);
}

TEST(Origin, KeepsLaneAndPositionApartUpToTheirLimits) {
  for (const auto partition : {0U, 1U, 63U, 255U, origin::partitions_max - 1})
    for (const auto position : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{63},
                                std::uint64_t{1} << 47U, origin::position_max}) {
      const origin where{partition, position};
      EXPECT_EQ(where.partition(), partition);
      EXPECT_EQ(where.position(), position);
      EXPECT_FALSE(where.is_group()) << partition << ':' << position;
      EXPECT_FALSE(where.empty()) << partition << ':' << position;
    }
}

TEST(Origin, ThatIsTheVeryFirstIsNotTakenForNothing) {
  EXPECT_FALSE((origin{0, 0}.empty()));
  EXPECT_NE((origin{0, 0}), origin{});
}

TEST(Origin, DiffersInLaneOrPosition) {
  EXPECT_EQ((origin{3, 7}), (origin{3, 7}));
  EXPECT_NE((origin{3, 7}), (origin{3, 8}));
  EXPECT_NE((origin{3, 7}), (origin{4, 7}));
  EXPECT_NE((origin{0, origin::position_max}), (origin{1, 0}));
}

TEST(Origin, NeighboursInALaneAreNeighbourWords) {
  EXPECT_EQ((origin{5, 64}.word()), (origin{5, 63}.word()) + 1);
  EXPECT_EQ((origin{5, 128}.word()) % 64, 0U) << "runs of 64 positions start at a multiple";
}

TEST(Origin, OfAGroupGivesTheGroupBack) {
  const auto somewhere = std::make_unique<std::uint64_t>();
  auto* group =
      reinterpret_cast<weir::internal::origin_group*>(somewhere.get()); // only the address counts
  const origin where{group};
  EXPECT_TRUE(where.is_group());
  EXPECT_FALSE(where.empty());
  EXPECT_EQ(where.group(), group);
  EXPECT_EQ(where, origin{group});
}

TEST(Origin, OfAGroupAtTheEndOfUserSpaceGivesTheGroupBack) {
  auto* last = reinterpret_cast<weir::internal::origin_group*>(std::uintptr_t{0x7FFF'FFFF'FFF8});
  EXPECT_TRUE(origin{last}.is_group());
  EXPECT_EQ(origin{last}.group(), last);
}

} // namespace
