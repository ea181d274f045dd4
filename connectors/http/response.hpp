#pragma once

#include <weir/connectors/http/header.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

/// What a server answered.
struct response {
  unsigned status = 0;
  std::string body; ///< decoded
  std::string content_type;
  std::optional<std::chrono::milliseconds>
      retry_after;             ///< the header Retry-After; see retry_after()
  std::vector<header> headers; ///< as they came, names in small letters

  /// The value of the first header of that name, given in small letters; empty if there is none.
  std::string_view value_of(std::string_view name) const {
    for (const auto& one : headers)
      if (one.name == name)
        return one.value;
    return {};
  }
};

} // namespace weir::http
