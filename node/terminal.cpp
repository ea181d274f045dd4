#include <weir/node/terminal.hpp>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace weir::internal {

namespace {

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

/// The bytes of the valid UTF-8 sequence at the start of `text`, 0 if there is none (RFC 3629,
/// section 4).
std::size_t sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(0);
  if (first < 0x80)
    return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length)
    return 0;
  for (std::size_t i = 1; i < length; ++i)
    if (!continues(text[i]))
      return 0;
  const bool refused = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F)
                       || (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F);
  return refused ? 0 : length;
}

std::string three_digits(double value, const char* unit) {
  char text[64];
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  std::snprintf(text, sizeof text, "%.*f %s", decimals, value, unit);
  return text;
}

std::string two_units(std::uint64_t count, std::uint64_t per, const char* large,
                      const char* small) {
  char text[64];
  std::snprintf(text, sizeof text, "%llu %s %02llu %s",
                static_cast<unsigned long long>(count / per), large,
                static_cast<unsigned long long>(count % per), small);
  return text;
}

} // namespace

charset terminal_charset() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') {
      std::string locale{value};
      for (auto& one : locale)
        one = static_cast<char>(std::toupper(static_cast<unsigned char>(one)));
      return locale.find("UTF-8") != std::string::npos || locale.find("UTF8") != std::string::npos
                 ? charset::utf8
                 : charset::ascii;
    }
  return charset::ascii;
}

std::size_t columns_of(std::string_view text) noexcept {
  return text.size() - static_cast<std::size_t>(std::count_if(text.begin(), text.end(), continues));
}

std::string fitted(std::string_view text, std::size_t columns, charset shown) {
  const std::string_view mark = columns == 0 ? ""
                                : shown == charset::utf8
                                    ? "…"
                                    : std::string_view{"..."}.substr(0, columns);
  const auto mark_columns = columns_of(mark);
  std::string made;
  std::size_t taken = 0;
  std::size_t marked = 0; // how much of `made` stays if the mark has to follow
  while (!text.empty()) {
    if (taken == columns)
      return made.substr(0, marked).append(mark);
    const auto bytes = sequence(text);
    const bool control = (bytes == 1 && std::iscntrl(static_cast<unsigned char>(text[0])) != 0)
                         || (bytes == 2 && text.substr(0, 2) < "\xC2\xA0"); // U+0080 to U+009F
    if (bytes == 0 || control || (bytes > 1 && shown == charset::ascii))
      made += control ? ' ' : '?';
    else
      made += text.substr(0, bytes);
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
    ++taken;
    if (taken + mark_columns <= columns)
      marked = made.size();
  }
  return made;
}

std::string padded_left(std::string_view text, std::size_t columns) {
  const auto width = columns_of(text);
  return std::string(columns > width ? columns - width : 0, ' ').append(text);
}

std::string padded_right(std::string_view text, std::size_t columns) {
  const auto width = columns_of(text);
  return std::string{text}.append(columns > width ? columns - width : 0, ' ');
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty())
      return lines;
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    if (!lines.empty() && columns_of(lines.back()) + 1 + columns_of(word) <= columns)
      lines.back().append(1, ' ').append(word);
    else
      lines.emplace_back(word);
  }
}

std::string human_count(std::uint64_t count) {
  auto text = std::to_string(count);
  for (auto at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string human_seconds(double seconds, charset shown) {
  if (!(seconds > 0))
    return "0 s";
  if (seconds >= 7'200)
    return two_units(static_cast<std::uint64_t>(std::min(seconds, 1e15) / 60), 60, "h", "min");
  if (seconds >= 120)
    return two_units(static_cast<std::uint64_t>(seconds), 60, "min", "s");
  if (seconds >= 0.9995)
    return three_digits(seconds, "s");
  if (seconds >= 0.0009995)
    return three_digits(seconds * 1e3, "ms");
  if (seconds >= 0.0000009995)
    return three_digits(seconds * 1e6, shown == charset::utf8 ? "µs" : "us");
  char text[32];
  std::snprintf(text, sizeof text, "%.0f ns", seconds * 1e9);
  return text;
}

std::string human_share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0)
    return "-";
  char text[64];
  std::snprintf(text, sizeof text, "%.1f %%",
                100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

std::string bar(const std::vector<bar_part>& parts, std::size_t columns, charset shown) {
  std::string made;
  double share = 0;
  std::size_t filled = 0;
  for (const auto& part : parts) {
    share += std::isfinite(part.share) ? std::max(part.share, 0.0) : 0.0;
    const auto end =
        static_cast<std::size_t>(std::lround(std::min(share, 1.0) * static_cast<double>(columns)));
    for (; filled < end; ++filled)
      shown == charset::utf8 ? made.append(part.utf8) : made.append(1, part.ascii);
  }
  return made.append(columns - filled, ' ');
}

} // namespace weir::internal
