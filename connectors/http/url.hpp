#pragma once

#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::http {

/// An address that requests begin with: http://host[:port][/path], or the same with https.
struct url {
  bool secure = false; ///< https
  std::string host;    ///< a name, or an address; IPv6 without its brackets
  std::uint16_t port = 80;
  std::string path; ///< empty, or "/…"

  /// host:port, as in the header Host.
  std::string authority() const;
  /// "https://host:port".
  std::string origin() const;
};

/// Poison, with what was expected, for anything else. A user and a password in it are not shown.
result<url> parse_url(std::string_view text);

/// Percent-encodes a value for a query or a path segment: letters, digits and "-._~" stay as they are. What
/// comes out can't end a line, a header or a parameter.
std::string encode(std::string_view value);

} // namespace weir::http
