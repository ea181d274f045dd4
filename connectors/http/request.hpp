#pragma once

#include <weir/connectors/http/header.hpp>
#include <weir/supervision/failure.hpp>

#include <string>
#include <vector>

namespace weir::http {

/// What a client asks.
struct request {
  std::string method = "GET";
  std::string target = {}; ///< follows the base URL: "/path?key=value", "?key=value", or nothing
  std::vector<header> headers = {}; ///< besides those of the client
  std::string body = {};
  std::string content_type = {}; ///< of the body
};

/// Poison if something in it would say more than it should: a target that is no target or not percent-encoded (see
/// encode), a header with a line end in it, or one that is the client's own business, as Content-Length. What is said
/// shows nothing of the request, as that may be an item's.
result<void> check(const request& what);

} // namespace weir::http
