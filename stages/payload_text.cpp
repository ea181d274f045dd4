#include <weir/stages/payload_text.hpp>

#include <weir/mailbox/require.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <system_error>
#include <utility>

namespace weir::internal::payloads {

namespace {

/// How a batch begins whose items could not be told apart by lines alone.
constexpr std::string_view with_lengths = "weir batch ";

/// How the text begins that is kept in place of a payload.
constexpr std::string_view none = "no payload: weir_payload threw: ";

template <class Number>
std::string shortest(Number value) {
  std::array<char, 64> digits{}; // "-1.18973149535723176502e+4932"
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return {digits.data(), end};
}

/// What was found, short enough for a message.
std::string found(std::string_view text) {
  constexpr std::size_t shown = 40;
  if (text.empty())
    return "nothing";
  return "'" + std::string{text.substr(0, shown)} + (text.size() > shown ? "…'" : "'");
}

template <class Number>
result<Number> read_number(std::string_view text, const std::string& expected) {
  Number value{};
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc{} || read.ptr != end)
    return poison("expected " + expected + ", found " + found(text));
  return value;
}

} // namespace

std::string number_text(double value) { return shortest(value); }
std::string number_text(float value) { return shortest(value); }
std::string number_text(long double value) { return shortest(value); }

result<std::int64_t> read_signed(std::string_view text, std::int64_t min, std::int64_t max) {
  const auto expected = "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
  auto value = read_number<std::int64_t>(text, expected);
  if (value && (*value < min || *value > max))
    return poison("expected " + expected + ", found " + found(text));
  return value;
}

result<std::uint64_t> read_unsigned(std::string_view text, std::uint64_t max) {
  const auto expected = "a whole number from 0 to " + std::to_string(max);
  auto value = read_number<std::uint64_t>(text, expected);
  if (value && *value > max)
    return poison("expected " + expected + ", found " + found(text));
  return value;
}

result<long double> read_real(std::string_view text) {
  return read_number<long double>(text, "a number");
}
result<double> read_double(std::string_view text) { return read_number<double>(text, "a number"); }
result<float> read_float(std::string_view text) { return read_number<float>(text, "a number"); }

std::string no_payload() noexcept {
  require(std::current_exception() != nullptr, "no_payload: must be called in a catch clause");
  const auto why = describe_current_exception();
  try {
    return std::string{none} + why.message();
  } catch (...) { // no memory
    return {};
  }
}

std::optional<failure> why_no_payload(std::string_view text) {
  if (!text.starts_with(none))
    return std::nullopt;
  return poison("there is no item to read: " + std::string{text});
}

std::string join(const std::vector<std::string>& items) {
  const bool clear =
      std::ranges::none_of(items, [](const auto& one) { return one.find('\n') != one.npos; })
      && (items.empty() || !items.front().starts_with(with_lengths));
  std::string text;
  if (!clear)
    text = std::string{with_lengths} + std::to_string(items.size()) + "\n";
  for (const auto& one : items)
    text += (clear ? "" : std::to_string(one.size()) + "\n") + one + "\n";
  return text;
}

namespace {

/// What is left of a text that is read from its beginning.
struct reader {
  std::string_view text;

  result<std::string_view> line() {
    const auto end = text.find('\n');
    if (end == std::string_view::npos)
      return poison("expected a line, found " + found(text) + " without its end");
    const auto one = text.substr(0, end);
    text.remove_prefix(end + 1);
    return one;
  }

  /// A line has the length of the item behind it.
  result<std::string_view> item_of(std::string_view length) {
    auto size = read_unsigned(length, text.size());
    if (!size)
      return std::move(size.error()).within("the length of an item");
    if (*size == text.size() || text[*size] != '\n')
      return poison("expected an item of " + std::to_string(*size) + " bytes and a line end");
    const auto item = text.substr(0, *size);
    text.remove_prefix(*size + 1);
    return item;
  }
};

} // namespace

result<std::vector<std::string>> split(std::string_view text) {
  std::vector<std::string> items;
  reader from{text};
  const bool lengths = text.starts_with(with_lengths);
  std::uint64_t count = 0;
  if (lengths) {
    auto head = from.line();
    if (!head)
      return std::move(head.error());
    auto number = read_unsigned(head->substr(with_lengths.size()), from.text.size());
    if (!number)
      return std::move(number.error());
    count = *number;
  }
  while (!from.text.empty()) {
    auto one = from.line();
    if (one && lengths)
      one = from.item_of(*one);
    if (!one)
      return std::move(one.error());
    items.emplace_back(*one);
  }
  if (lengths && items.size() != count)
    return poison("expected " + std::to_string(count) + " items, found "
                  + std::to_string(items.size()));
  return items;
}

} // namespace weir::internal::payloads
