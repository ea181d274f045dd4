#include "query.hpp"

#include <charconv>
#include <cstddef>

namespace enrichment_api {

namespace {

std::optional<std::string> decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      decoded += ' ';
    } else if (text[i] == '%') {
      unsigned char byte = 0;
      const auto digits = text.substr(i + 1, 2);
      const auto end = digits.data() + digits.size();
      if (digits.size() != 2 || std::from_chars(digits.data(), end, byte, 16).ptr != end) {
        return std::nullopt;
      }
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

} // namespace

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

std::optional<std::string> query_value(std::string_view target, std::string_view name) {
  target.remove_prefix(path_of(target).size());
  while (!target.empty()) {
    target.remove_prefix(1); // the '?' or '&' before it
    const auto parameter = target.substr(0, target.find('&'));
    target.remove_prefix(parameter.size());
    const auto equals = parameter.find('=');
    if (equals != std::string_view::npos && parameter.substr(0, equals) == name) {
      return decode(parameter.substr(equals + 1));
    }
  }
  return std::nullopt;
}

} // namespace enrichment_api
