#include <weir/node/configuration_file.hpp>
#include <weir/node/spelling.hpp>
#include <weir/node/terminal.hpp>
#include <weir/stages/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <set>

#include <nlohmann/json.hpp>

namespace weir::internal {

namespace {

using nlohmann::json;

/// A key as a part of a JSON pointer (RFC 6901, section 3).
std::string escaped(const std::string& key) {
  std::string made;
  for (const char one : key)
    one == '~' ? made += "~0" : one == '/' ? made += "~1" : made += one;
  return made;
}

/// Notes every key that an object holds twice: JSON allows it, and parsers keep the last in
/// silence.
class key_watch {
public:
  bool operator()(json::parse_event_t event, const json& parsed) {
    if (event == json::parse_event_t::object_start) {
      open_.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      open_.pop_back();
    } else if (event == json::parse_event_t::key) {
      open_.back().key = parsed.get<std::string>();
      if (!open_.back().seen.insert(open_.back().key).second)
        repeated_.insert(pointer());
    }
    return true;
  }

  const std::set<std::string>& repeated() const { return repeated_; }

private:
  struct object {
    std::string key;
    std::set<std::string> seen;
  };

  std::string pointer() const {
    std::string made;
    for (const auto& one : open_)
      made += "/" + escaped(one.key);
    return made;
  }

  std::vector<object> open_; // from the outermost to the one being read
  std::set<std::string> repeated_;
};

std::string place(std::string_view text, std::size_t byte) {
  const auto before = text.substr(0, std::min(byte == 0 ? 0 : byte - 1, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto column = before.size() - (before.rfind('\n') + 1) + 1; // npos + 1 is 0
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

/// nlohmann's sentence without its "[json…] " and "parse error at line 1, column 2: ".
std::string reason(std::string_view what) {
  for (const std::string_view end : {"] ", ": "})
    if (const auto at = what.find(end);
        at != std::string_view::npos && (end == "] " || what.starts_with("parse error")))
      what.remove_prefix(at + end.size());
  return std::string{what};
}

std::string describe(const json& value, bool secret) {
  constexpr std::size_t shown_max = 60; // columns of a value in a message
  switch (value.type()) {
  case json::value_t::null:
    return "null";
  case json::value_t::object:
    return "an object";
  case json::value_t::array:
    return "a list";
  default:
    break;
  }
  const std::string type = value.is_string()    ? "the string "
                           : value.is_boolean() ? "the value "
                                                : "the number ";
  if (secret)
    return type + "(not shown)";
  const auto text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return type + fitted(text, shown_max);
}

/// The value as an option takes it, or nothing if it isn't of the JSON type that such an option is
/// written in.
std::optional<std::vector<std::string>> texts(const json& value, option_kind kind) {
  switch (kind) {
  case option_kind::boolean:
    return value.is_boolean() ? std::optional{std::vector{value.dump()}} : std::nullopt;
  case option_kind::integer: // 5.0 and 1e3 are none, but their text says so
  case option_kind::real:
    return value.is_number() ? std::optional{std::vector{value.dump()}} : std::nullopt;
  case option_kind::text:
  case option_kind::duration:
    return value.is_string() ? std::optional{std::vector{value.get<std::string>()}} : std::nullopt;
  case option_kind::list:
    break;
  }
  const auto is_string = [](const json& one) { return one.is_string(); };
  if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_string))
    return std::nullopt;
  return value.get<std::vector<std::string>>();
}

class file_values {
public:
  file_values(const std::string& path, std::deque<option>& options,
              std::vector<std::string>& problems)
      : path_{path}, options_{options}, problems_{problems} {}

  void refuse(const std::string& what) { problems_.push_back(path_ + ": " + what); }

  void store_members(const json& object, const std::string& pointer) {
    for (const auto& [key, value] : object.items())
      store(value, pointer + "/" + escaped(key));
  }

private:
  void store(const json& value, const std::string& pointer) {
    std::vector<std::string> known;
    for (auto& one : options_) {
      if (one.pointer() == pointer)
        return store(value, one);
      if (one.pointer().starts_with(pointer + "/")) {
        if (value.is_object())
          return store_members(value, pointer);
        return refuse(pointer + ": expected an object, found " + describe(value, one.is_secret()));
      }
      known.push_back(one.pointer());
    }
    refuse(pointer + ": unknown key" + did_you_mean(pointer, known));
  }

  void store(const json& value, option& target) {
    if (value.is_null() && target.clear(option_origin::file))
      return;
    const auto given = texts(value, target.kind());
    if (given && target.assign(*given, option_origin::file))
      return;
    const auto hint =
        value.is_string() && !target.is_secret() ? target.hint(value.get<std::string>()) : "";
    refuse(target.pointer() + ": expected " + target.expected() + ", found "
           + describe(value, target.is_secret()) + hint);
  }

  const std::string& path_;
  std::deque<option>& options_;
  std::vector<std::string>& problems_;
};

/// The file's bytes, one more than `configuration_file_max` at most; an empty optional with `errno`
/// set if it can't be read.
std::optional<std::string> contents(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "rb"),
                                                             &std::fclose};
  if (!file)
    return std::nullopt;
  std::string text(configuration_file_max + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  return std::ferror(file.get()) == 0 ? std::optional{std::move(text)} : std::nullopt;
}

} // namespace

void read_configuration_file(const std::string& path, std::deque<option>& options,
                             std::vector<std::string>& problems) {
  file_values values{path, options, problems};
  const auto text = contents(path);
  if (!text)
    return values.refuse(std::string{"can't be read: "} + std::strerror(errno));
  if (text->size() > configuration_file_max)
    return values.refuse("is larger than " + std::to_string(configuration_file_max) + " bytes");
  if (is_nested_too_deep(*text))
    return values.refuse("nests deeper than " + std::to_string(json_depth_max) + " levels");
  key_watch watch;
  json root;
  try {
    root = json::parse(
        *text, [&](int, json::parse_event_t event, json& parsed) { return watch(event, parsed); });
  } catch (const json::parse_error& broken) {
    return values.refuse(place(*text, broken.byte) + ": " + reason(broken.what()));
  } catch (const json::exception& broken) { // a number beyond a double
    return values.refuse(reason(broken.what()));
  }
  for (const auto& pointer : watch.repeated())
    values.refuse(pointer + ": given twice");
  if (!root.is_object())
    return values.refuse("expected an object, found " + describe(root, false));
  values.store_members(root, "");
}

} // namespace weir::internal
