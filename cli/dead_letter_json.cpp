#include <weir/cli/base64.hpp>
#include <weir/cli/dead_letter_json.hpp>
#include <weir/stages/json.hpp>
#include <weir/supervision/utc.hpp>
#include <weir/supervision/utf8.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

namespace weir {

namespace {

using json = nlohmann::ordered_json;

std::string line_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void add_payload(json& to, const std::string& name, const std::string& payload) {
  if (is_text(payload))
    to[name] = payload;
  else
    to[name + "_base64"] = internal::base64(payload);
}

/// The members of a letter, and the first that is not as it should be.
class members {
public:
  explicit members(const json& of) : of_{of} {}
  explicit members(json&&) = delete; // they are looked at later

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
  /// Reads one of those that have a name.
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
    if (auto bytes = internal::from_base64(to))
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

result<dead_letter> dead_letter_from_json(std::string_view line) {
  const auto read = read_json(line);
  if (!read || !read->is_object())
    return poison("expected a dead letter as a JSON object");
  const json whole = *read;
  members from{whole};
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

} // namespace weir
