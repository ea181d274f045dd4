#include <weir/connectors/http/request.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace weir::http {

namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return is_alphanumeric(c) || marks.find(c) != std::string_view::npos;
  });
}

bool is_value(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < ' ' && c != '\t') || byte == 0x7F;
  });
}

/// Is it about the message itself, and so for the client to say?
bool is_about_framing(std::string_view name) {
  constexpr std::array<std::string_view, 6> own{
      "host", "connection", "content-length", "transfer-encoding", "expect", "content-type"};
  return std::ranges::any_of(own, [&](std::string_view one) {
    return std::ranges::equal(one, name, [](char want, char have) {
      return want == (have >= 'A' && have <= 'Z' ? static_cast<char>(have - 'A' + 'a') : have);
    });
  });
}

} // namespace

result<void> check(const request& what) {
  if (!std::ranges::all_of(what.method, [](char c) { return c >= 'A' && c <= 'Z'; })
      || what.method.empty() || what.method.size() > 32)
    return poison("a method is a word in capital letters");
  const auto& target = what.target;
  const bool joins = target.empty() || target.starts_with('?') || target.starts_with('/');
  if (!joins || std::ranges::any_of(target, [](char c) { return c <= ' ' || c > '~' || c == '#'; }))
    return poison("the target must begin with '/' or '?' and be percent-encoded");
  if (!is_value(what.content_type))
    return poison("there is a line end or another control character in the content type");
  for (const auto& one : what.headers) {
    if (!is_token(one.name))
      return poison("a header has a name that is none");
    if (!is_value(one.value))
      return poison("there is a line end or another control character in the header '" + one.name
                    + "'");
    if (is_about_framing(one.name))
      return poison("the header '" + one.name + "' is set by the client itself");
  }
  return {};
}

} // namespace weir::http
