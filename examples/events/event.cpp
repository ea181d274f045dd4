#include "event.hpp"

#include <weir/stages/json.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <unordered_set>
#include <vector>

namespace {

using nlohmann::json;

/// The keys of one object, to find repeated ones: few as a list, many as a set.
class seen_keys {
public:
  /// Returns false if the key was there.
  bool add(const std::string& key) {
    if (many_.empty() && few_.size() < few_max) {
      if (std::ranges::find(few_, key) != few_.end())
        return false;
      few_.push_back(key);
      return true;
    }
    if (many_.empty())
      many_.insert(few_.begin(), few_.end());
    return many_.insert(key).second;
  }

private:
  static constexpr std::size_t few_max = 16;
  std::vector<std::string> few_;
  std::unordered_set<std::string> many_;
};

/// Takes the parser's tokens: writes the value of "data" down again as they come, so that no tree is built.
/// And that of "enrichment", where the text is an event as we have kept it.
class event_reader final : public nlohmann::json_sax<json> {
public:
  explicit event_reader(bool with_enrichment) : with_enrichment_{with_enrichment} {}

  bool null() override { return value("null"); }
  bool boolean(bool is) override { return value(is ? "true" : "false"); }
  bool number_integer(number_integer_t number) override { return value(std::to_string(number)); }
  bool number_unsigned(number_unsigned_t number) override { return value(std::to_string(number)); }
  bool number_float(number_float_t, const string_t& text) override { return value(text); }
  bool binary(binary_t&) override { return refuse("binary data"); } // never in text

  bool string(string_t& text) override {
    if (depth() == 1 && member_ == "id") {
      read_.id = text;
      has_id_ = true;
      return true;
    }
    if (depth() == 2 && brackets_.back() == '{' && member_ == "data" && key_ == "ip")
      read_.key = text;
    return begin_value() && (copied() != nullptr ? quote(text) : true);
  }

  bool start_object(std::size_t) override { return open('{'); }
  bool end_object() override { return close('}'); }
  bool start_array(std::size_t) override { return open('['); }
  bool end_array() override { return close(']'); }

  bool key(string_t& name) override {
    if (!keys_.back().add(name))
      return refuse("the key " + json(name).dump() + " is repeated");
    if (depth() == 1) {
      member_ = name;
      return true;
    }
    key_ = name;
    if (auto* to = copied(); to != nullptr) {
      separate();
      quote(name);
      *to += ':';
      first_ = true; // its value has no comma
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error …"
    std::string what = error.what();
    if (const auto from = what.find(": "); from != std::string::npos)
      what.erase(0, from + 2);
    return refuse("broken JSON at byte " + std::to_string(position) + ": " + what);
  }

  weir::result<event> take() {
    if (!why_.empty())
      return weir::poison(why_);
    if (!has_id_)
      return weir::poison(id_is_other_ ? "\"id\" is not a string" : "there is no \"id\"");
    if (read_.data.empty())
      return weir::poison("there is no \"data\"");
    if (read_.key.empty())
      read_.key = read_.id;
    return std::move(read_);
  }

private:
  std::size_t depth() const { return brackets_.size(); }
  /// Where the value goes that is being read; null if it is not kept.
  std::string* copied() {
    if (depth() == 0)
      return nullptr;
    if (member_ == "data")
      return &read_.data;
    return with_enrichment_ && member_ == "enrichment" ? &read_.enrichment : nullptr;
  }

  bool refuse(std::string why) {
    if (why_.empty())
      why_ = std::move(why);
    return false;
  }

  /// Every value but the whole begins with this.
  bool begin_value() {
    if (depth() == 0)
      return refuse("the event is not a JSON object");
    if (depth() == 1 && member_ == "id")
      id_is_other_ = true;
    if (copied() != nullptr && depth() > 1)
      separate();
    return true;
  }
  bool value(std::string_view text) {
    if (!begin_value())
      return false;
    if (auto* to = copied(); to != nullptr)
      *to += text;
    return true;
  }
  bool open(char bracket) {
    if (depth() == 0 && bracket != '{')
      return refuse("the event is not a JSON object");
    if (depth() > 0) {
      begin_value();
      if (auto* to = copied(); to != nullptr)
        *to += bracket;
    }
    brackets_.push_back(bracket);
    if (bracket == '{')
      keys_.emplace_back();
    first_ = true;
    // What the API answers may nest deeper than what comes in, and stands in an object of ours.
    const auto most = with_enrichment_ ? weir::json_depth_max + 1 : nesting_max;
    if (depth() > most)
      return refuse("nested deeper than " + std::to_string(most) + " levels");
    return true;
  }
  bool close(char bracket) {
    brackets_.pop_back();
    if (bracket == '}')
      keys_.pop_back();
    first_ = false;
    if (auto* to = copied(); to != nullptr)
      *to += bracket;
    return true;
  }
  void separate() {
    if (!first_)
      *copied() += ',';
    first_ = false;
  }
  bool quote(const std::string& text) {
    static constexpr char digits[] = "0123456789abcdef";
    auto& out = *copied();
    out += '"';
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        out += '\\';
        out += c;
      } else if (byte < 0x20) {
        out += "\\u00";
        out += digits[byte >> 4U];
        out += digits[byte & 15U];
      } else {
        out += c;
      }
    }
    out += '"';
    return true;
  }

  const bool with_enrichment_;
  event read_;
  std::string why_;
  std::string member_; // of the event
  std::string key_;    // of the innermost object
  std::vector<char> brackets_;
  std::vector<seen_keys> keys_;
  bool first_ = true; // no comma before what comes next
  bool has_id_ = false;
  bool id_is_other_ = false;
};

bool blank(std::string_view text) {
  return text.find_first_not_of(" \t\r") == std::string_view::npos;
}

weir::result<event> read_event(std::string_view text, bool with_enrichment) {
  if (blank(text))
    return weir::poison("the line is empty");
  if (text.starts_with("\xEF\xBB\xBF"))
    return weir::poison("broken JSON at byte 1: a byte order mark");
  if (const auto at = text.find('\0'); at != std::string_view::npos)
    return weir::poison("broken JSON at byte " + std::to_string(at + 1) + ": a NUL byte");
  event_reader reader{with_enrichment};
  json::sax_parse(text, &reader);
  return reader.take();
}

} // namespace

std::string weir_payload(const event& one) {
  return "{\"id\":" + json(one.id).dump() + ",\"data\":" + one.data
         + (one.enrichment.empty() ? "" : ",\"enrichment\":" + one.enrichment) + "}";
}

weir::result<event> parse_event(std::string_view text) { return read_event(text, false); }

weir::result<event> weir_from_payload(std::type_identity<event>, std::string_view text) {
  return read_event(text, true);
}
