#pragma once

#include <weir/connectors/http/url.hpp>
#include <weir/supervision/failure.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// HTTP/1.1: a client for awaitable stages, and a server as a source.
namespace weir::http {

struct client_options {
  std::string base_url; ///< "http://host[:port][/path]"; see parse_url
  std::uint32_t connections_max =
      64; ///< open at a time; who needs one more waits, in order of arrival
  /// For one request, with all its waiting; 0: none.
  std::chrono::milliseconds timeout{0};
  std::chrono::milliseconds connect_timeout{5000};
  /// A connection that was idle for longer is not used again.
  std::chrono::milliseconds idle_max{30'000};
  std::uint64_t body_max = std::uint64_t{1} << 20U; ///< bytes of an answer
  std::uint32_t header_max = 16 * 1024;             ///< bytes
};

struct response {
  unsigned status = 0;
  std::string body;
  std::string content_type;
  std::optional<std::chrono::milliseconds>
      retry_after; ///< the header Retry-After; see retry_after()
};

/// Requests to one server over connections that are kept.
///
/// Owner: the thread of one I/O context at a time; the last copy may go after it, on any thread. Copies share
/// the connections.
/// Bounded: `connections_max` connections; of each one answer.
/// Failure: transient, "GET http://…: why", for whatever keeps an answer from coming; every status
/// from 100 to 599 is an answer.
/// A kept connection that turns out closed before anything came back is replaced by a new one, once. A request
/// that is cancelled closes its connection, gives its place to the next, and fails with "cancelled".
class client {
public:
  /// Throws std::invalid_argument for a base URL that parse_url refuses, or without connections.
  explicit client(client_options options);

  /// `target` follows the base URL as it is: "/path?key=value", "?key=value", or nothing. Poison if it is
  /// neither, or has a character that must be percent-encoded (see encode).
  boost::asio::awaitable<result<response>> get(std::string_view target) const;

  /// Connections in use, and requests that wait for one.
  std::size_t in_use() const;
  std::size_t waiting() const;

private:
  class pool;
  std::shared_ptr<pool> pool_;
};

} // namespace weir::http
