#include <weir/connectors/http/retry_after.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

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

/// RFC 9110, section 5.6.7, IMF-fixdate. The obsolete forms are not read.
std::optional<std::chrono::sys_seconds> date(std::string_view text) {
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::string_view form = "Ddd, 00 Mmm 0000 00:00:00 GMT";
  if (text.size() != form.size())
    return std::nullopt;
  for (std::size_t k = 3; k < form.size(); ++k) { // the weekday says nothing that the date doesn't
    const bool any = form[k] == '0' || (k >= 8 && k <= 10);
    if (!any && text[k] != form[k])
      return std::nullopt;
  }
  const auto month = std::ranges::find(months, text.substr(8, 3));
  const auto day = number(text.substr(5, 2));
  const auto year = number(text.substr(12, 4));
  const auto hours = number(text.substr(17, 2));
  const auto minutes = number(text.substr(20, 2));
  const auto seconds = number(text.substr(23, 2));
  if (month == months.end() || !day || !year || !hours || !minutes || !seconds || *hours > 23
      || *minutes > 59 || *seconds > 60)
    return std::nullopt;
  const std::chrono::year_month_day which{
      std::chrono::year{static_cast<int>(*year)},
      std::chrono::month{static_cast<unsigned>(month - months.begin()) + 1},
      std::chrono::day{static_cast<unsigned>(*day)}};
  if (!which.ok())
    return std::nullopt;
  return std::chrono::sys_days{which} + std::chrono::hours{*hours} + std::chrono::minutes{*minutes}
         + std::chrono::seconds{*seconds};
}

} // namespace

std::optional<milliseconds> retry_after(std::string_view value,
                                        std::chrono::system_clock::time_point now) {
  constexpr milliseconds longest{retry_after_max};
  if (const auto seconds = number(value))
    return std::min<std::uint64_t>(*seconds, static_cast<std::uint64_t>(longest.count()) / 1000)
           * milliseconds{1000};
  if (const auto when = date(value))
    return std::clamp<milliseconds>(*when - std::chrono::floor<milliseconds>(now), milliseconds{0},
                                    longest); // in ns the year 2300 overflows
  return std::nullopt;
}

} // namespace weir::http
