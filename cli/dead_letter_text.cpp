#include <weir/cli/dead_letter_text.hpp>
#include <weir/supervision/utc.hpp>
#include <weir/supervision/utf8.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

namespace weir {

namespace {

using json = nlohmann::ordered_json;

std::string line_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

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

/// No control character, of seven bits or (as UTF-8) of eight, but for line ends and tabs.
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

constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

} // namespace

std::string base64(std::string_view bytes) {
  std::string text;
  for (std::size_t k = 0; k < bytes.size(); k += 3) {
    const auto three = bytes.substr(k, 3);
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 3; ++i)
      value = value << 8U | (i < three.size() ? static_cast<unsigned char>(three[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      text += i <= three.size() ? base64_digits[value >> (18 - 6 * i) & 63U] : '=';
  }
  return text;
}

namespace {

void add_payload(json& to, const std::string& name, const std::string& payload) {
  if (is_text(payload))
    to[name] = payload;
  else
    to[name + "_base64"] = base64(payload);
}

} // namespace

std::string to_json(const dead_letter& letter) {
  json one;
  one["id"] = letter.id;
  one["pipeline"] = letter.pipeline;
  one["stage"] = letter.stage;
  one["source"] = letter.source;
  one["position"] = letter.position;
  one["part"] = letter.part;
  one["key"] = letter.key;
  one["state"] = to_string(letter.state);
  one["kind"] = to_string(letter.why.kind);
  one["cause"] = letter.why.message();
  one["chain"] = letter.why.chain;
  one["attempts"] = letter.attempts;
  one["replay_count"] = letter.replay_count;
  one["first_failed_at"] = utc_text(letter.first_failed_at);
  one["last_failed_at"] = utc_text(letter.last_failed_at);
  one["edited_at"] = letter.edited_at ? json(utc_text(*letter.edited_at)) : json{};
  one["trace_id"] = letter.trace_id;
  one["payload_type"] = letter.payload_type;
  add_payload(one, "payload", letter.payload);
  return line_of(one);
}

namespace {

std::optional<std::string> from_base64(std::string_view text) {
  std::string bytes;
  std::uint32_t value = 0;
  unsigned bits = 0;
  for (const char one : text.substr(0, text.find('='))) {
    const auto digit = base64_digits.find(one);
    if (digit == base64_digits.npos)
      return std::nullopt;
    value = (value << 6U | static_cast<std::uint32_t>(digit)) & 0xFFFFU;
    if (bits += 6; bits >= 8)
      bytes += static_cast<char>(value >> (bits -= 8) & 0xFFU);
  }
  return bytes;
}

/// The members of a letter, and the first that is not as it should be.
class members {
public:
  explicit members(const json& of) : of_{of} {}

  template <class T>
  void read(const char* name, T& to) {
    const auto& value = at(name);
    if constexpr (std::is_same_v<T, std::string>) {
      if (!value.is_string())
        return wrong(name, "a text");
      to = value.get<std::string>();
    } else {
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<T>::max())
        return wrong(name, "a whole number");
      to = value.get<T>();
    }
  }
  void read(const char* name, std::chrono::system_clock::time_point& to) {
    std::string text;
    read(name, text);
    if (const auto when = read_utc(text))
      to = *when;
    else
      wrong(name, "a time as 2024-01-31T12:00:00.000Z");
  }
  void read(const char* name, std::vector<std::string>& to) {
    const auto& value = at(name);
    if (!value.is_array()
        || !std::ranges::all_of(value, [](const auto& one) { return one.is_string(); }))
      return wrong(name, "a list of texts");
    to = value.get<std::vector<std::string>>();
  }
  /// One of those that have a name.
  template <class T, std::size_t Size>
  void read(const char* name, T& to, const std::array<T, Size>& known) {
    std::string text;
    read(name, text);
    const auto* const is =
        std::ranges::find(known, text, [](T one) { return std::string{to_string(one)}; });
    if (is == known.end())
      return wrong(name, "one that is known");
    to = *is;
  }
  void read_payload(std::string& to) {
    if (!of_.contains("payload_base64"))
      return read("payload", to);
    read("payload_base64", to);
    if (auto bytes = from_base64(to))
      to = std::move(*bytes);
    else
      wrong("payload_base64", "base64");
  }
  bool is_null(const char* name) { return at(name).is_null(); }
  const std::string& trouble() const { return trouble_; }

private:
  const json& at(const char* name) const {
    static const json none;
    const auto found = of_.find(name);
    return found == of_.end() ? none : *found;
  }
  void wrong(const char* name, const char* expected) {
    if (trouble_.empty())
      trouble_ = '"' + std::string{name} + "\": expected " + expected + ", found "
                 + (of_.contains(name) ? at(name).dump().substr(0, 100) : "nothing");
  }

  const json& of_;
  std::string trouble_;
};

} // namespace

result<dead_letter> dead_letter_from_json(std::string_view line) {
  const auto all = json::parse(line, nullptr, false);
  if (!all.is_object())
    return poison("expected a dead letter as a JSON object");
  members from{all};
  dead_letter one;
  from.read("id", one.id);
  from.read("pipeline", one.pipeline);
  from.read("stage", one.stage);
  from.read("source", one.source);
  from.read("position", one.position);
  from.read("part", one.part);
  from.read("key", one.key);
  from.read("state", one.state, dead_letter_states);
  from.read("kind", one.why.kind, failure_kinds);
  from.read("chain", one.why.chain);
  from.read("attempts", one.attempts);
  from.read("replay_count", one.replay_count);
  from.read("first_failed_at", one.first_failed_at);
  from.read("last_failed_at", one.last_failed_at);
  if (!from.is_null("edited_at"))
    from.read("edited_at", one.edited_at.emplace());
  from.read("trace_id", one.trace_id);
  from.read("payload_type", one.payload_type);
  from.read_payload(one.payload);
  if (!from.trouble().empty())
    return poison(from.trouble()).within("expected a dead letter as JSON");
  return one;
}

std::string to_json(const dead_letter_audit& line) {
  json one{{"number", line.number}, {"at", utc_text(line.at)}, {"who", line.who},
           {"what", line.what},     {"about", line.about},     {"outcome", line.outcome}};
  if (line.payload_before)
    add_payload(one, "payload_before", *line.payload_before);
  return line_of(one);
}

std::string to_json(const std::vector<dead_letter_count>& causes) {
  auto all = json::array();
  for (const auto& one : causes)
    all.push_back({{"stage", one.stage}, {"cause", one.cause}, {"count", one.count}});
  return line_of(all);
}

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

} // namespace weir
