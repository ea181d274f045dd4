#include <weir/dead_letters/held_keys.hpp>

#include <gtest/gtest.h>

namespace {

using weir::internal::held_keys;
using weir::internal::resume_point;

class HeldKeys : public testing::Test {
protected:
  /// A letter of an item that was read there is in the store.
  void add(std::uint64_t position) {
    keys_.add("ann", {"orders", position});
    keys_.stored("ann");
  }
  /// Must an item that was read there wait?
  bool waits(std::uint64_t position, const char* partition = "orders") const {
    return keys_.held_behind("ann", {partition, position}).has_value();
  }
  void counted(std::uint64_t letters, resume_point first) {
    keys_.counted(*keys_.one("ann"), letters, first);
  }

  held_keys keys_{{.held_max = 3}};
};

TEST_F(HeldKeys, LetPassWhatWasReadBeforeTheFirstLetter) {
  add(20);
  EXPECT_FALSE(waits(19));
  EXPECT_TRUE(waits(20));
  EXPECT_TRUE(waits(21));
  EXPECT_TRUE(waits(19, "another source"));
  EXPECT_TRUE(waits(0, "")) << "read nowhere";
  EXPECT_EQ(keys_.held_behind("ann", {"orders", 21}), "orders:20");
  EXPECT_FALSE(keys_.held_behind("bob", {"orders", 21}));
}

TEST_F(HeldKeys, LetNothingPassThatWasReadAfterALetterWhichIsNotTheFirst) {
  // Two branches of a source meet in front of the stage: 26 came by the slower one.
  add(36);
  add(26);
  EXPECT_TRUE(waits(31)) << "it would overtake 26";
  EXPECT_FALSE(waits(25));
  EXPECT_EQ(keys_.held_behind("ann", {"orders", 31}), "orders:36");

  counted(1, {"orders", 26});
  EXPECT_TRUE(waits(31));
  EXPECT_FALSE(waits(25));
}

TEST_F(HeldKeys, ForgetWhereLettersWereReadThatHaveGone) {
  keys_.found("ann", {{"orders", 10}, {"orders", 40}, {"orders", 30}});
  EXPECT_TRUE(waits(20));
  EXPECT_TRUE(keys_.full());
  counted(2, {"orders", 40});
  EXPECT_FALSE(waits(20));
  EXPECT_TRUE(waits(35));
  EXPECT_EQ(keys_.letters(), 2U);
  counted(1, {"orders", 5}); // was edited into this key
  EXPECT_FALSE(waits(4));
  EXPECT_TRUE(waits(20));
  counted(0, {});
  EXPECT_FALSE(waits(100));
  EXPECT_EQ(keys_.keys(), 0U);
  EXPECT_TRUE(keys_.empty());
}

TEST_F(HeldKeys, LetPassWhatWasReadBeforeOneThatWasFirstUntilTheyAreCounted) {
  keys_.found("ann", {{"orders", 20}, {"another source", 5}});
  EXPECT_FALSE(waits(19)) << "it came before 20, and that before the other one";
  EXPECT_TRUE(waits(21));
  counted(1, {"another source", 5}); // 20 has gone through
  EXPECT_TRUE(waits(19)) << "nobody knows any more which came first";
}

TEST_F(HeldKeys, AreCountedInVainWhileALetterIsOnItsWay) {
  add(1);
  const auto seen = keys_.one("ann");
  keys_.add("ann", {"orders", 2});
  keys_.counted(*seen, 0, {});
  EXPECT_EQ(keys_.letters(), 2U) << "the second may or may not have been counted";
  EXPECT_TRUE(keys_.counted_in_vain().empty()) << "not before it has arrived";
  EXPECT_TRUE(keys_.stored("ann"));
  ASSERT_EQ(keys_.counted_in_vain().size(), 1U);
  counted(1, {"orders", 2});
  EXPECT_TRUE(keys_.counted_in_vain().empty());
  EXPECT_EQ(keys_.letters(), 1U);
}

TEST_F(HeldKeys, AreFullAtTheirBound) {
  add(1);
  add(2);
  EXPECT_FALSE(keys_.full());
  add(3);
  EXPECT_TRUE(keys_.full());
  counted(2, {"orders", 2});
  EXPECT_FALSE(keys_.full());
}

} // namespace
