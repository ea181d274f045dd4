#include <weir/supervision/blame.hpp>

#include <cstdint>
#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace {

using weir::internal::blame;

// Not inlined: gcc 12 then takes the empty optional for an uninitialised one (-Wmaybe-uninitialized).
[[gnu::noinline]] std::uint32_t fails(blame& whose, std::optional<std::uint64_t> item) {
  return whose.failed(item);
}

/// What a stage lives through, a letter an event: `x`, `y`, `z` fail; `-` is a failure without an item; `.` is
/// a success. The trace says what each was charged with, and whether a success had something to forgive.
std::string trace(const std::string& events) {
  blame whose;
  std::string text;
  for (const char event : events) {
    text += event;
    if (event == '.')
      text += whose.succeeded() ? "forgiven " : " ";
    else
      text += std::to_string(
                  fails(whose, event == '-' ? std::nullopt : std::optional<std::uint64_t>{event}))
              + ' ';
  }
  text += whose.suspicious() ? "suspicious" : "clean";
  return text;
}

TEST(Blame, OfACleanStage) {
  EXPECT_EQ(trace(""), "clean");
  EXPECT_EQ(trace("x"), "x0 suspicious");
  EXPECT_EQ(trace("-"), "-1 suspicious");
  EXPECT_EQ(trace("."), ". clean");
}

TEST(Blame, OfAStageWithOneSuspect) {
  EXPECT_EQ(trace("xx"), "x0 x0 suspicious");
  EXPECT_EQ(trace("xy"), "x0 y2 suspicious");
  EXPECT_EQ(trace("x-"), "x0 -2 suspicious");
  EXPECT_EQ(trace("x."), "x0 .forgiven clean");
}

TEST(Blame, OfAStageInDoubtAfterTwoItems) {
  EXPECT_EQ(trace("xyy"), "x0 y2 y0 suspicious");
  EXPECT_EQ(trace("xyz"), "x0 y2 z1 suspicious");
  EXPECT_EQ(trace("xyx"), "x0 y2 x1 suspicious");
  EXPECT_EQ(trace("xy-"), "x0 y2 -1 suspicious");
  EXPECT_EQ(trace("xy."), "x0 y2 .forgiven clean");
}

TEST(Blame, OfAStageInDoubtAfterAFailureWithoutAnItem) {
  EXPECT_EQ(trace("-x"), "-1 x1 suspicious");
  EXPECT_EQ(trace("-xx"), "-1 x1 x0 suspicious");
  EXPECT_EQ(trace("--"), "-1 -1 suspicious");
  EXPECT_EQ(trace("-."), "-1 .forgiven clean");
  EXPECT_EQ(trace("x-x"), "x0 -2 x0 suspicious");
  EXPECT_EQ(trace("x--"), "x0 -2 -1 suspicious");
  EXPECT_EQ(trace("x-y"), "x0 -2 y1 suspicious");
}

TEST(Blame, StartsAnewAfterASuccess) {
  EXPECT_EQ(trace("xyz.x"), "x0 y2 z1 .forgiven x0 suspicious");
  EXPECT_EQ(trace("-.x"), "-1 .forgiven x0 suspicious");
  EXPECT_EQ(trace("x..y"), "x0 .forgiven . y0 suspicious");
}

TEST(Blame, TakesTheItemZeroForAnItem) {
  blame whose;
  EXPECT_EQ(fails(whose, 0), 0U);
  EXPECT_EQ(fails(whose, 0), 0U);
  EXPECT_EQ(fails(whose, 1), 2U);
}

TEST(Blame, NeverChargesForOnePoisonItemInAHundred) {
  blame whose;
  for (std::uint64_t item = 0; item < 100'000; ++item)
    if (item % 100 == 99) {
      for (int attempt = 0; attempt < 3; ++attempt)
        ASSERT_EQ(fails(whose, item), 0U);
    } else {
      whose.succeeded();
    }
}

TEST(Blame, ChargesAStageThatFailsEverythingItemByItem) {
  blame whose;
  std::uint64_t charged = 0;
  for (std::uint64_t item = 0; item < 1000; ++item) {
    for (int attempt = 0; attempt < 3; ++attempt)
      charged += fails(whose, item);
    ASSERT_EQ(charged, item == 0 ? 0 : item + 1) << "the first is charged with the second";
  }
}

TEST(Blame, ChargesAStageThatCanNotEvenStartEveryTime) {
  blame whose;
  for (int start = 0; start < 1000; ++start)
    ASSERT_EQ(fails(whose, std::nullopt), 1U);
}

} // namespace
