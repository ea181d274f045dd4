#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// How text, numbers and bars are laid out on a terminal. Widths are columns: one for each code
/// point.
namespace weir::internal {

/// What the terminal can show.
enum class charset { ascii, utf8 };

/// By the locale in the environment: LC_ALL, else LC_CTYPE, else LANG (POSIX, "Environment
/// Variables").
charset terminal_charset();

std::size_t columns_of(std::string_view text) noexcept;
/// The text on one line, as valid UTF-8 without control characters, and at most `columns` wide:
/// what is too long ends in "…" ("..." in ASCII).
std::string fitted(std::string_view text, std::size_t columns, charset shown = charset::utf8);
std::string padded_left(std::string_view text, std::size_t columns);
std::string padded_right(std::string_view text, std::size_t columns);
/// Lines of at most `columns`, broken at spaces; a word that is longer has a line of its own.
std::vector<std::string> wrapped(std::string_view text, std::size_t columns);

/// "1,234,567"
std::string human_count(std::uint64_t count);
/// Three digits and a unit: "77 ns", "1.25 µs" ("us" in ASCII), "310 ms", "20.4 s"; from two
/// minutes on "2 min 05 s", from two hours on "2 h 05 min".
std::string human_seconds(double seconds, charset shown);
/// "98.5 %"; "-" of nothing.
std::string human_share(std::uint64_t part, std::uint64_t whole);

struct bar_part {
  double share; ///< 0..1
  std::string_view utf8;
  char ascii;
};

/// A bar of exactly `columns`: each part takes its share, rounded so that the ends of the parts are
/// right; the rest is spaces.
std::string bar(const std::vector<bar_part>& parts, std::size_t columns, charset shown);

} // namespace weir::internal
