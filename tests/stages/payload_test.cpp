#include <weir/connectors/text_event.hpp>
#include <weir/stages/payload.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace {

using weir::batch;
using weir::from_payload;
using weir::payload_of;
using weir::internal::payload_readable;

struct reading {
  std::string sensor;
  int value = 0;
};
std::string weir_payload(const reading& one) {
  return one.sensor + "=" + std::to_string(one.value);
}
weir::result<reading> weir_from_payload(std::type_identity<reading>, std::string_view text) {
  const auto at = text.find('=');
  if (at == std::string_view::npos)
    return weir::poison("expected SENSOR=VALUE");
  auto value = from_payload<int>(text.substr(at + 1));
  if (!value)
    return std::move(value.error()).within("the value");
  return reading{std::string{text.substr(0, at)}, *value};
}

struct kept_only {};
[[maybe_unused]] std::string weir_payload(const kept_only&) { return "x"; }

enum class colour : std::uint8_t { red, green = 200 };

/// The item read back from its payload, written as a payload again; or why not.
template <class T>
std::string there_and_back(const T& item) {
  auto read = from_payload<T>(payload_of(item));
  return read ? payload_of(*read) : read.error().message();
}

template <class T>
std::string refusal(std::string_view text) {
  const auto read = from_payload<T>(text);
  if (read)
    return "read";
  return (read.error().kind == weir::failure_kind::poison ? "" : "not poison: ")
         + read.error().message();
}

TEST(Payload, OfStringsIsTheirBytes) {
  const std::string bytes{"a\0\xFF\n", 4};
  EXPECT_EQ(*from_payload<std::string>(payload_of(bytes)), bytes);
  EXPECT_EQ(*from_payload<std::string>(""), "");
}

TEST(Payload, OfNumbersReadsBackAsTheSameNumber) {
  EXPECT_EQ(there_and_back(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(there_and_back(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(there_and_back(true), "1");
  EXPECT_EQ(there_and_back('a'), "97");
  for (const double value : {0.1, -1.0 / 3, 5e-324, 1.7976931348623157e308})
    EXPECT_EQ(*from_payload<double>(payload_of(value)), value);
  EXPECT_EQ(*from_payload<float>(payload_of(0.1F)), 0.1F);
  EXPECT_EQ(*from_payload<long double>(payload_of(0.1L)), 0.1L);
  EXPECT_EQ(payload_of(0.1), "0.1");
  EXPECT_TRUE(std::isnan(*from_payload<double>(payload_of(std::nan("")))));
  EXPECT_EQ(*from_payload<colour>(payload_of(colour::green)), colour::green);
}

TEST(Payload, ThatIsNoSuchItemIsPoisonAndSaysWhy) {
  EXPECT_EQ(refusal<int>("12x"),
            "expected a whole number from -2147483648 to 2147483647, found '12x'");
  EXPECT_EQ(refusal<std::uint8_t>("256"), "expected a whole number from 0 to 255, found '256'");
  EXPECT_EQ(refusal<unsigned>("-1"), "expected a whole number from 0 to 4294967295, found '-1'");
  EXPECT_EQ(refusal<bool>("2"), "expected a whole number from 0 to 1, found '2'");
  EXPECT_EQ(refusal<colour>(""), "expected a whole number from 0 to 255, found nothing");
  EXPECT_EQ(refusal<double>(" 1"), "expected a number, found ' 1'");
  EXPECT_EQ(refusal<double>(std::string(50, 'x')),
            "expected a number, found '" + std::string(40, 'x') + "…'");
  EXPECT_EQ(refusal<reading>("a=b"), "the value ← expected a whole number from -2147483648 to "
                                     "2147483647, found 'b'");
}

TEST(Payload, OfATypeOfOnesOwnIsReadByItsFunction) {
  static_assert(payload_readable<reading>);
  EXPECT_EQ(there_and_back(reading{"t1", -4}), "t1=-4");
  static_assert(!payload_readable<kept_only>, "it may be kept, but nobody knows how it is read");
  static_assert(!payload_readable<batch<kept_only>>);
  static_assert(!payload_readable<std::string_view>, "it would point to nothing");
}

TEST(Payload, OfNothingIsEmpty) {
  EXPECT_EQ(payload_of(std::optional<int>{}), "");
  EXPECT_EQ(*from_payload<std::optional<int>>(""), std::nullopt);
  EXPECT_EQ(*from_payload<std::optional<int>>("7"), 7);
  EXPECT_EQ(refusal<std::optional<bool>>("7"), "expected a whole number from 0 to 1, found '7'");
}

TEST(Payload, OfABatchHasALineForEachItem) {
  const batch<reading> two{{{"a", 1}, {"b", 2}}};
  EXPECT_EQ(payload_of(two), "a=1\nb=2\n");
  EXPECT_EQ(there_and_back(two), "a=1\nb=2\n");
  EXPECT_EQ(refusal<batch<reading>>("a=1\nb\n"), "item 2 of the batch ← expected SENSOR=VALUE");
  EXPECT_EQ(refusal<batch<reading>>("a=1\nb=2"), "expected a line, found 'b=2' without its end");
}

TEST(Payload, OfABatchWhoseItemsHaveLineEndsHasTheirLengths) {
  using strings = batch<std::string>;
  EXPECT_EQ(payload_of(strings{{"a\nb", "", "c"}}), "weir batch 3\n3\na\nb\n0\n\n1\nc\n");
  for (const auto& items :
       {std::vector<std::string>{"a\nb", "", "c"}, {"weir batch 1", "x"}, {"\n"}, {"", ""}, {}})
    EXPECT_EQ(from_payload<strings>(payload_of(strings{items}))->items, items);
  EXPECT_EQ(refusal<strings>("weir batch 2\n1\na\n"), "expected 2 items, found 1");
  EXPECT_EQ(refusal<strings>("weir batch 1\n2\na\n"), "expected an item of 2 bytes and a line end");
  EXPECT_EQ(refusal<strings>("weir batch 1\n9\na\n"),
            "the length of an item ← expected a whole number from 0 to 2, found '9'");
}

TEST(Payload, OfATextEventIsItsText) {
  const auto read = from_payload<weir::text_event>("{\"id\":1}");
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (weir::text_event{.text = "{\"id\":1}", .length = 8}));
}

} // namespace
