#include <weir/connectors/http/url.hpp>

#include <algorithm>
#include <charconv>

namespace weir::http {

namespace {

constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Without what may be a password.
std::string shown(std::string_view text) {
  const auto at = text.rfind('@');
  if (at == std::string_view::npos)
    return std::string{text};
  const auto scheme = text.find("://");
  const auto from = scheme < at ? scheme + 3 : 0;
  return std::string{text.substr(0, from)} + "..." + std::string{text.substr(at)};
}

failure wrong(std::string_view text, std::string_view found) {
  return poison("the URL '" + shown(text)
                + "' is no http[s]://host[:port][/path]: " + std::string{found});
}

} // namespace

std::string url::authority() const {
  const bool bracketed = host.find(':') != std::string::npos;
  return (bracketed ? "[" + host + "]" : host)
         + (port == (secure ? https_port : http_port) ? "" : ":" + std::to_string(port));
}

std::string url::origin() const { return (secure ? "https://" : "http://") + authority(); }

result<url> parse_url(std::string_view text) {
  constexpr std::string_view http = "http://";
  constexpr std::string_view https = "https://";
  url parsed;
  parsed.secure = text.starts_with(https);
  parsed.port = parsed.secure ? https_port : http_port;
  if (!parsed.secure && !text.starts_with(http))
    return wrong(text, "it does not begin with http:// or https://");
  auto rest = text.substr(parsed.secure ? https.size() : http.size());
  const auto path_at = std::min(rest.find_first_of("/?#"), rest.size());
  const auto path = rest.substr(path_at);
  rest = rest.substr(0, path_at);

  if (rest.find('@') != std::string_view::npos)
    return wrong(text, "a user and a password do not belong there");
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos)
      return wrong(text, "']' is missing");
    parsed.host = rest.substr(1, end - 1);
    rest = rest.substr(end + 1);
    if (parsed.host.find(':') == std::string::npos
        || parsed.host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string::npos)
      return wrong(text, "between the brackets is no IPv6 address");
  } else {
    parsed.host = rest.substr(0, rest.find(':'));
    rest = rest.substr(parsed.host.size());
    if (parsed.host.empty() || !std::ranges::all_of(parsed.host, [](char c) {
          return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
        }))
      return wrong(text, "the host is neither a name nor an address");
  }
  if (!rest.empty()) {
    const auto* const first = rest.data() + 1;
    const auto* const last = rest.data() + rest.size();
    const auto [end, error] = std::from_chars(first, last, parsed.port);
    if (rest.front() != ':' || error != std::errc{} || end != last || parsed.port == 0)
      return wrong(text, "the port is no number from 1 to 65535");
  }
  if (path.find_first_of("?#") != std::string_view::npos)
    return wrong(text, "there is a query or a fragment in it");
  if (std::ranges::any_of(path, [](char c) { return c <= ' ' || c > '~'; }))
    return wrong(text, "there is a character in it that must be percent-encoded");
  parsed.path = path == "/" ? "" : path;
  return parsed;
}

std::string encode(std::string_view value) {
  constexpr auto digits = "0123456789ABCDEF";
  std::string text;
  text.reserve(value.size());
  for (const auto c : value) {
    if (is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      text += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      text += {'%', digits[byte >> 4U], digits[byte & 0xFU]};
    }
  }
  return text;
}

} // namespace weir::http
