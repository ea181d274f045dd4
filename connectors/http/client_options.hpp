#pragma once

#include <weir/connectors/http/credentials.hpp>
#include <weir/connectors/http/header.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::http {

struct client_options {
  std::string base_url; ///< "http[s]://host[:port][/path]"; see parse_url
  std::uint32_t connections_max =
      64; ///< open at a time; who needs one more waits, in order of arrival
  /// For one request, with all its waiting; 0: none.
  std::chrono::milliseconds timeout{0};
  /// Until there is a connection, over all addresses of the host; 0: none.
  std::chrono::milliseconds connect_timeout{5000};
  /// A connection that was idle for longer is not used again, in whole seconds; 0: none is.
  std::chrono::milliseconds idle_max{30'000};
  std::uint64_t body_max = std::uint64_t{1} << 20U; ///< bytes of an answer, once it is decoded
  std::uint32_t header_max = 16 * 1024;             ///< bytes
  /// Followed for one request; 0: an answer that points elsewhere is the answer. From https to https only.
  std::uint32_t redirects_max = 0;
  std::vector<header> headers = {}; ///< of every request
  credentials login = {};           ///< for the server; not sent to another one it points to
  /// Who may sign for the server: a file of certificates (PEM). Empty: whom the system trusts.
  std::string ca_file = {};
  /// "http://host:port", which all requests go through; the environment's proxies are not asked. Empty: none.
  std::string proxy = {};
  credentials proxy_login = {};
};

} // namespace weir::http
