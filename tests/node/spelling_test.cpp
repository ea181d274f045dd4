#include <weir/node/spelling.hpp>

#include <gtest/gtest.h>

namespace {

using weir::internal::did_you_mean;

TEST(DidYouMean, NamesTheNearestOfSeveral) {
  EXPECT_EQ(did_you_mean("rat", {"tags", "rate", "offset"}), "; did you mean rate?");
  EXPECT_EQ(did_you_mean("drain_timeuot", {"drain-time", "drain-timeout"}),
            "; did you mean drain-timeout?");
}

TEST(DidYouMean, AllowsOneSlipAndOneMoreForEveryThreeLetters) {
  EXPECT_EQ(did_you_mean("ab", {"abc"}), "; did you mean abc?");
  EXPECT_EQ(did_you_mean("ab", {"abcd"}), "");
  EXPECT_EQ(did_you_mean("abc", {"abxyz"}), "");
  EXPECT_EQ(did_you_mean("abc", {"abcde"}), "; did you mean abcde?");
}

TEST(DidYouMean, SaysNothingWhenNoneIsNear) {
  EXPECT_EQ(did_you_mean("colour", {"rate", "tags"}), "");
  EXPECT_EQ(did_you_mean("x", {"y"}), ""); // every letter is wrong
  EXPECT_EQ(did_you_mean("rate", {}), "");
  EXPECT_EQ(did_you_mean(std::string(65, 'a'), {std::string(64, 'a')}), "");
}

} // namespace
