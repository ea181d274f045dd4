#pragma once

#include <weir/connectors/http/response.hpp>
#include <weir/supervision/failure.hpp>

#include <optional>
#include <string_view>

namespace weir::http {

/// What the status of an answer says about the item that it was asked for; `about` begins the sentence, as "GET
/// https://host".
///
/// | status | failure |
/// |---|---|
/// | 2xx | none |
/// | 429, 503 | transient; waits as long as Retry-After says, and the back-off's minimum in any case |
/// | 408, 425, other 5xx | transient; with Retry-After as above |
/// | any other | poison |
std::optional<failure> failure_of(const response& got, std::string_view about);

} // namespace weir::http
