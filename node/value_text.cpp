#include <weir/node/value_text.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace weir::internal {

namespace {

struct unit {
  std::string_view name;
  std::int64_t milliseconds;
};

constexpr unit units[] = {
    {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}; // largest first

template <class Number>
bool read_number(std::string_view text, Number& value) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && rest == end;
}

template <class Number>
std::string write_number(Number value) {
  char text[64]; // a 64-bit integer takes 20, the shortest form of a double 24
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

} // namespace

bool read_text(std::string_view text, std::string& value) {
  value = text;
  return true;
}

bool read_text(std::string_view text, bool& value) {
  value = text == "true" || text == "1";
  return value || text == "false" || text == "0";
}

bool read_text(std::string_view text, std::uint32_t& value) { return read_number(text, value); }

bool read_text(std::string_view text, std::uint64_t& value) { return read_number(text, value); }

bool read_text(std::string_view text, std::int64_t& value) { return read_number(text, value); }

bool read_text(std::string_view text, double& value) {
  return read_number(text, value) && std::isfinite(value);
}

bool read_text(std::string_view text, std::chrono::milliseconds& value) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::int64_t count = 0;
  if (!read_number(text.substr(0, digits), count))
    return false;
  for (const auto& one : units)
    if (text.substr(digits) == one.name) {
      if (count > std::chrono::milliseconds::max().count() / one.milliseconds)
        return false;
      value = std::chrono::milliseconds{count * one.milliseconds};
      return true;
    }
  return false;
}

std::string write_text(const std::string& value) { return value; }

std::string write_text(bool value) { return value ? "true" : "false"; }

std::string write_text(std::uint32_t value) { return write_number(value); }

std::string write_text(std::uint64_t value) { return write_number(value); }

std::string write_text(std::int64_t value) { return write_number(value); }

std::string write_text(double value) { return write_number(value); }

std::string write_text(std::chrono::milliseconds value) {
  for (const auto& one : units)
    if (value.count() % one.milliseconds == 0 && value.count() != 0)
      return write_number(value.count() / one.milliseconds).append(one.name);
  return "0ms";
}

} // namespace weir::internal
