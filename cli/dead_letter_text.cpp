#include <weir/cli/dead_letter_text.hpp>
#include <weir/supervision/utc.hpp>
#include <weir/supervision/utf8.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <utility>

namespace weir::internal {

namespace {

/// "2024-01-31 12:00:00"
std::string short_time(std::chrono::system_clock::time_point when) {
  auto text = utc_text(when).substr(0, 19);
  text[10] = ' ';
  return text;
}

/// "3", or "3+1" of one that was replayed.
std::string tries(const dead_letter& letter) {
  return std::to_string(letter.attempts)
         + (letter.replay_count > 0 ? "+" + std::to_string(letter.replay_count) : "");
}

std::string causes_of(const dead_letter& letter) {
  return (letter.edited_at ? "before the edit: " : "") + letter.why.message();
}

/// Where it was read; the number of one without a source is none that anybody could look up.
std::string place_of(const dead_letter& letter) {
  return letter.source.empty() ? "" : std::to_string(letter.position);
}

/// Has the text no control character, of seven bits or (as UTF-8) of eight, but for line ends and tabs?
bool is_printable(std::string_view text) {
  for (std::size_t k = 0; k < text.size(); ++k) {
    const auto byte = static_cast<unsigned char>(text[k]);
    const auto next = k + 1 < text.size() ? static_cast<unsigned char>(text[k + 1]) : 0U;
    if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F
        || (byte == 0xC2 && next < 0xA0))
      return false;
  }
  return is_text(text);
}

} // namespace

std::string to_table(std::span<const dead_letter> letters, std::size_t columns, charset shown) {
  constexpr std::size_t gap = 2;
  constexpr std::size_t cells = 8;
  constexpr std::size_t name_max = 14;  // of a stage or a key
  constexpr std::size_t cause_min = 16; // the last cell takes what is left
  using row = std::array<std::string, cells>;
  std::vector<row> rows{
      {"ID", "LAST FAILED", "STATE", "TRIES", "STAGE", "POSITION", "KEY", "CAUSE"}};
  for (const auto& one : letters)
    rows.push_back({std::to_string(one.id), short_time(one.last_failed_at),
                    std::string{to_string(one.state)}, tries(one),
                    fitted(one.stage, name_max, shown), place_of(one),
                    fitted(one.key, name_max, shown), causes_of(one)});
  if (std::ranges::all_of(letters, [](const auto& one) { return one.key.empty(); }))
    rows.front()[6].clear();

  std::array<std::size_t, cells> widths{};
  std::size_t used = 0;
  for (std::size_t k = 0; k + 1 < cells; ++k) {
    for (const auto& one : rows)
      widths[k] = std::max(widths[k], columns_of(one[k]));
    used += widths[k] + (widths[k] > 0 ? gap : 0);
  }
  const auto left = std::max(cause_min, columns - std::min(columns, used));
  std::string text;
  for (const auto& one : rows) {
    for (std::size_t k = 0; k + 1 < cells; ++k)
      if (widths[k] > 0)
        text += (k == 0 || k == 3 || k == 5 ? padded_left(one[k], widths[k])
                                            : padded_right(one[k], widths[k]))
                + std::string(gap, ' ');
    text += fitted(one.back(), left, shown) + "\n";
  }
  return text;
}

std::string to_page(const dead_letter& letter, charset shown) {
  constexpr std::size_t name_columns = 14;
  constexpr std::size_t value_max = 1000;
  std::string page;
  const auto line = [&](const std::string& name, const std::string& value) {
    page += padded_right(name, name_columns) + fitted(value, value_max, shown) + "\n";
  };
  line("id", std::to_string(letter.id));
  line("state", std::string{to_string(letter.state)});
  line("pipeline", letter.pipeline);
  line("stage", letter.stage);
  line("source", letter.source.empty()
                     ? "not known"
                     : letter.source + ", position " + std::to_string(letter.position));
  if (!letter.key.empty())
    line("key", letter.key);
  line("attempts", std::to_string(letter.attempts));
  line("replays", std::to_string(letter.replay_count));
  line("first failed", utc_text(letter.first_failed_at));
  line("last failed", utc_text(letter.last_failed_at));
  if (letter.edited_at)
    line("edited", utc_text(*letter.edited_at)
                       + ": the cause is that of the payload before (--payload-before)");
  if (!letter.trace_id.empty())
    line("trace", letter.trace_id);
  line("kind", std::string{to_string(letter.why.kind)});
  for (const auto& one : letter.why.chain)
    line(&one == &letter.why.chain.front() ? "cause" : "", one);
  const auto size = std::to_string(letter.payload.size()) + " bytes";
  const bool printable = is_printable(letter.payload);
  line("payload", letter.payload_type + ", " + size + (printable ? "" : ", here as base64"));
  page += "\n" + (printable ? letter.payload : base64(letter.payload));
  return page.ends_with('\n') ? page : page + "\n";
}

std::string to_bars(const std::vector<dead_letter_count>& causes, std::size_t columns,
                    charset shown) {
  if (causes.empty())
    return "no dead letters\n";
  constexpr std::size_t bar_columns = 20;
  std::uint64_t most = 0;
  std::uint64_t all = 0;
  std::size_t count_columns = 0;
  for (const auto& one : causes) {
    most = std::max(most, one.count);
    all += one.count;
    count_columns = std::max(count_columns, columns_of(human_count(one.count)));
  }
  std::string text;
  for (const auto& one : causes) {
    const auto share = static_cast<double>(one.count) / static_cast<double>(most);
    const auto start = padded_left(human_count(one.count), count_columns) + "  "
                       + bar({{share, "█", '#'}}, bar_columns, shown) + "  ";
    const auto left = columns - std::min(columns, columns_of(start));
    text +=
        start + fitted(one.stage + ": " + one.cause, std::max<std::size_t>(left, 20), shown) + "\n";
  }
  return text + human_count(all) + (all == 1 ? " letter, " : " letters, ")
         + std::to_string(causes.size()) + (causes.size() == 1 ? " cause\n" : " causes\n");
}

std::string to_line(const dead_letter_audit& line, std::size_t columns, charset shown) {
  return fitted(short_time(line.at) + "  " + line.who + "  " + line.what + " " + line.about + ": "
                    + line.outcome,
                columns, shown)
         + "\n";
}

} // namespace weir::internal
