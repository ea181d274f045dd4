#include <weir/stages/json.hpp>

#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace {

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

} // namespace

TEST(Json, IsReadAsDeepAsItMayNest) {
  const auto read = weir::read_json(R"({"a": [1, "]]]]", {"b": null}]})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->dump(), R"({"a":[1,"]]]]",{"b":null}]})");
  EXPECT_TRUE(weir::read_json(nested(weir::json_depth_max)));
}

/// With a bound it is a failure; without one, printing it would use up the stack.
TEST(Json, WhatNestsDeeperIsPoison) {
  for (const auto levels : {weir::json_depth_max + 1, std::size_t{70'000}}) {
    const auto read = weir::read_json(nested(levels));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error(), weir::poison("JSON that nests deeper than 256 levels"));
  }
  EXPECT_FALSE(weir::read_json(R"({"a":)" + std::string(70'000, '['))) << "nor if it is cut off";
}

TEST(Json, BracketsInStringsDoNotCount) {
  const auto many = std::string(1000, '[');
  EXPECT_TRUE(weir::read_json('"' + many + '"'));
  EXPECT_TRUE(weir::read_json(R"(["\"", "\\", ")" + many + R"("])"));
  EXPECT_FALSE(weir::read_json(R"(["\\", )" + many)) << "that string has ended";
}

TEST(Json, WhatIsWrongIsSaidWithoutTheText) {
  const auto why = [](std::string_view text) {
    const auto read = weir::read_json(text);
    return read ? "fine" : read.error().message();
  };
  EXPECT_EQ(why(R"({"secret": oops})"), "broken JSON at byte 12");
  EXPECT_EQ(why(""), "broken JSON at byte 1");
  EXPECT_EQ(why("1e999"), "JSON with a number that is too large");
  EXPECT_EQ(why("\"\xff\""), "broken JSON at byte 2");
}
