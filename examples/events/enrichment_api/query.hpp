#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace enrichment_api {

/// "/lookup" of "/lookup?key=a".
std::string_view path_of(std::string_view target);

/// The decoded value of a query parameter; nothing if it isn't there or its percent-encoding is broken.
std::optional<std::string> query_value(std::string_view target, std::string_view name);

} // namespace enrichment_api
