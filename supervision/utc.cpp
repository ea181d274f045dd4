#include <weir/supervision/utc.hpp>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace weir {

using namespace std::chrono;

std::string utc_text(system_clock::time_point when) {
  const auto whole = floor<seconds>(when);
  const auto rest = floor<milliseconds>(when - whole);
  const std::time_t counted = system_clock::to_time_t(whole);
  std::tm utc{};
  ::gmtime_r(&counted, &utc);
  std::array<char, 64> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text.data() + length, text.size() - length, ".%03dZ",
                static_cast<int>(rest.count()));
  return text.data();
}

namespace {

/// Reads numbers of a fixed width, and what stands between them.
class reader {
public:
  explicit reader(std::string_view text) : rest_{text} {}

  bool done() const { return rest_.empty(); }
  bool skip(char one) {
    if (!rest_.starts_with(one))
      return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool number(std::size_t digits, int& value) {
    if (rest_.size() < digits || rest_.substr(0, digits).find_first_not_of("0123456789") != npos)
      return false;
    std::from_chars(rest_.data(), rest_.data() + digits, value);
    rest_.remove_prefix(digits);
    return true;
  }

private:
  static constexpr auto npos = std::string_view::npos;
  std::string_view rest_;
};

} // namespace

std::optional<system_clock::time_point> read_utc(std::string_view text) {
  reader in{text};
  int year_of = 0, month_of = 0, day_of = 0, hour = 0, minute = 0, second = 0, thousandth = 0;
  if (!in.number(4, year_of) || !in.skip('-') || !in.number(2, month_of) || !in.skip('-')
      || !in.number(2, day_of))
    return std::nullopt;
  if (in.skip('T') || in.skip(' ')) {
    if (!in.number(2, hour) || !in.skip(':') || !in.number(2, minute))
      return std::nullopt;
    if (in.skip(':')) {
      if (!in.number(2, second))
        return std::nullopt;
      if (in.skip('.') && !in.number(3, thousandth))
        return std::nullopt;
    }
    in.skip('Z');
  }
  const year_month_day date{year{year_of}, month{static_cast<unsigned>(month_of)},
                            day{static_cast<unsigned>(day_of)}};
  if (!in.done() || !date.ok() || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  const auto when =
      sys_days{date} + hours{hour} + minutes{minute} + seconds{second} + milliseconds{thousandth};
  // The years from 1678 to 2261 can be told; others would be taken for one of these.
  if (when < ceil<milliseconds>(system_clock::time_point::min())
      || when > floor<milliseconds>(system_clock::time_point::max()))
    return std::nullopt;
  return when;
}

} // namespace weir
