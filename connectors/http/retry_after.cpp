#include <weir/connectors/http/retry_after.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>

#include <curl/curl.h>

namespace weir::http {

using std::chrono::milliseconds;

namespace {

/// All of `text` as a number.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range)
    return UINT64_MAX;
  if (text.empty() || error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

/// Any date that begins with a weekday. libcurl reads much else as a date that nobody means as one here.
std::optional<std::chrono::sys_seconds> date(std::string_view text) {
  constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
  constexpr std::size_t longest = 64; // of the three forms it is 33
  if (text.size() > longest || std::ranges::find(weekdays, text.substr(0, 3)) == weekdays.end())
    return std::nullopt;
  const auto seconds = curl_getdate(std::string{text}.c_str(), nullptr);
  if (seconds == -1)
    return std::nullopt;
  return std::chrono::sys_seconds{std::chrono::seconds{seconds}};
}

} // namespace

std::optional<milliseconds> retry_after(std::string_view value,
                                        std::chrono::system_clock::time_point now) {
  constexpr milliseconds longest{retry_after_max};
  if (const auto seconds = number(value))
    return std::min<std::uint64_t>(*seconds, static_cast<std::uint64_t>(longest.count()) / 1000)
           * milliseconds{1000};
  if (const auto when = date(value)) {
    // In seconds first: of any year that a date may name, milliseconds don't fit into 64 bits.
    const auto earliest = std::chrono::floor<std::chrono::seconds>(now);
    const auto latest = earliest + std::chrono::ceil<std::chrono::seconds>(longest);
    return std::clamp<milliseconds>(std::clamp(*when, earliest, latest)
                                        - std::chrono::floor<milliseconds>(now),
                                    milliseconds{0}, longest);
  }
  return std::nullopt;
}

} // namespace weir::http
