#include <weir/node/terminal.hpp>

#include <gtest/gtest.h>

namespace {

using weir::internal::charset;
using weir::internal::fitted;

TEST(Fitted, LeavesWhatFitsAsItIs) {
  EXPECT_EQ(fitted("weir", 4), "weir");
  EXPECT_EQ(fitted("größer", 6), "größer");
  EXPECT_EQ(fitted("", 0), "");
}

TEST(Fitted, EndsInAMarkWhenTooLong) {
  EXPECT_EQ(fitted("größer als", 6), "größe…");
  EXPECT_EQ(fitted("greater", 6, charset::ascii), "gre...");
  EXPECT_EQ(fitted("greater", 2, charset::ascii), "..");
  EXPECT_EQ(fitted("greater", 0), "");
}

TEST(Fitted, LetsNothingThroughThatSteersATerminal) {
  EXPECT_EQ(fitted("a\x1b[31mb\r\n\tc\x7f", 20), "a [31mb   c ");
  EXPECT_EQ(fitted("a\xC2\x9B"
                   "31mb",
                   20),
            "a 31mb");
}

TEST(Fitted, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(fitted("a\xFF"
                   "b",
                   9),
            "a?b");
  EXPECT_EQ(fitted("\xC3", 9), "?");                // cut off
  EXPECT_EQ(fitted("\xC0\xAF", 9), "??");           // overlong
  EXPECT_EQ(fitted("\xE0\x80\xAF", 9), "???");      // overlong
  EXPECT_EQ(fitted("\xED\xA0\x80", 9), "???");      // a surrogate
  EXPECT_EQ(fitted("\xF4\x90\x80\x80", 9), "????"); // beyond U+10FFFF
  EXPECT_EQ(fitted("\xF0\x9F\x8C\x8A", 9), "🌊");
  EXPECT_EQ(fitted("größer", 9, charset::ascii), "gr??er");
}

TEST(Padded, CountsColumnsAndNotBytes) {
  EXPECT_EQ(weir::internal::padded_left("µs", 4), "  µs");
  EXPECT_EQ(weir::internal::padded_right("µs", 4), "µs  ");
  EXPECT_EQ(weir::internal::padded_left("long", 2), "long");
}

TEST(Wrapped, BreaksAtSpaces) {
  EXPECT_EQ(weir::internal::wrapped("  one two  three four", 9),
            (std::vector<std::string>{"one two", "three", "four"}));
  EXPECT_EQ(weir::internal::wrapped("immeasurable is long", 7),
            (std::vector<std::string>{"immeasurable", "is long"}));
  EXPECT_TRUE(weir::internal::wrapped(" ", 7).empty());
}

TEST(HumanCount, GroupsThousands) {
  EXPECT_EQ(weir::internal::human_count(0), "0");
  EXPECT_EQ(weir::internal::human_count(999), "999");
  EXPECT_EQ(weir::internal::human_count(1'000), "1,000");
  EXPECT_EQ(weir::internal::human_count(18'446'744'073'709'551'615U), "18,446,744,073,709,551,615");
}

TEST(HumanSeconds, HasThreeDigitsAndAUnit) {
  const auto text = [](double seconds) {
    return weir::internal::human_seconds(seconds, charset::utf8);
  };
  EXPECT_EQ(text(0), "0 s");
  EXPECT_EQ(text(77e-9), "77 ns");
  EXPECT_EQ(text(999.4e-9), "999 ns");
  EXPECT_EQ(text(999.6e-9), "1.00 µs");
  EXPECT_EQ(text(1.254e-6), "1.25 µs");
  EXPECT_EQ(text(41.23e-3), "41.2 ms");
  EXPECT_EQ(text(0.3101), "310 ms");
  EXPECT_EQ(text(0.9996), "1.00 s");
  EXPECT_EQ(text(20.42), "20.4 s");
  EXPECT_EQ(text(119.4), "119 s");
  EXPECT_EQ(text(125), "2 min 05 s");
  EXPECT_EQ(text(7'500), "2 h 05 min");
  EXPECT_EQ(weir::internal::human_seconds(1e-6, charset::ascii), "1.00 us");
}

TEST(Bar, EndsEachPartWhereItsShareEnds) {
  const auto text = [](double a, double b, double c) {
    return weir::internal::bar({{a, "█", '#'}, {b, "▒", '='}, {c, "░", '.'}}, 9, charset::utf8);
  };
  EXPECT_EQ(text(1.0 / 3, 1.0 / 3, 1.0 / 3), "███▒▒▒░░░");
  EXPECT_EQ(text(0.5, 0, 0.5), "█████░░░░"); // never ten of nine
  EXPECT_EQ(text(1, 1, 1), "█████████");
  EXPECT_EQ(text(0, 0, 0), "         ");
  EXPECT_EQ(weir::internal::bar({{0.5, "█", '#'}}, 4, charset::ascii), "##  ");
}

} // namespace
