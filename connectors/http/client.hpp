#pragma once

#include <weir/connectors/http/client_options.hpp>
#include <weir/connectors/http/request.hpp>
#include <weir/connectors/http/response.hpp>
#include <weir/connectors/http/url.hpp>
#include <weir/supervision/failure.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

/// HTTP/1.1: a client for awaitable stages, and a server as a source.
namespace weir::http {

/// Requests to one server over connections that are kept.
///
/// Owner: the thread of one I/O context at a time; the last copy may go after it, on any thread. Copies share
/// the connections.
/// Bounded: `connections_max` connections; of each one answer.
/// Failure: transient, "GET https://host: why", for whatever keeps an answer from coming, also where this process has no
/// descriptor or no memory left; every status from 100 to 599 is an answer. What is said shows nothing of the target,
/// the header, the body or the credentials.
/// A kept connection that turns out closed before anything came back, or that says something unasked, is replaced by a
/// new one. A request that is cancelled closes its connection, gives its place to the next, and fails with
/// "cancelled". Where the server has several addresses, a silent one is left for the next.
class client {
public:
  /// Throws std::invalid_argument for options that can't work: a base URL that parse_url refuses, no connections, a
  /// header, a file or a secret that is no good.
  explicit client(client_options options);

  /// Poison for a request that check refuses. On 401 a secret from a file is read again; if it is another one now, the
  /// request is made once more.
  boost::asio::awaitable<result<response>> ask(request what) const;
  boost::asio::awaitable<result<response>> get(std::string_view target) const;
  boost::asio::awaitable<result<response>> post(std::string_view target, std::string body,
                                                std::string_view content_type) const;

  /// "https://host:port", for messages.
  const std::string& origin() const;

  /// Requests under way, each with a connection, and requests that wait for one.
  std::size_t in_use() const;
  std::size_t waiting() const;

private:
  class pool;
  std::shared_ptr<pool> pool_;
};

} // namespace weir::http
