#pragma once

#include "call_limit.hpp"
#include "call_stats.hpp"
#include "fault_plan.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

namespace enrichment_api {

using http_request = boost::beast::http::request<boost::beast::http::string_body>;
using http_response = boost::beast::http::response<boost::beast::http::string_body>;

struct server_options {
  boost::asio::ip::tcp::endpoint listen; ///< port 0: any free port
  std::string port_file;   ///< where to write the port once it listens; empty: nowhere
  std::int64_t rate = 500; ///< calls per second
  std::int64_t burst = 50; ///< calls beyond the rate at once
  std::int64_t seed = 1;
};

/// The REST server: `GET /lookup?key=K`, `GET /stats`, and `GET`, `POST`, `DELETE /faults`.
///
/// Owner: the one thread that calls `run`; each connection is a coroutine on it.
/// Failure: what a peer does ends at most its own connection; `run` throws only if the server can't start.
class server {
public:
  /// Throws `std::invalid_argument` if the faults are out of range.
  server(server_options options, fault_set faults);

  /// Serves until SIGTERM or SIGINT; open connections are then closed as they stand.
  void run();

private:
  boost::asio::awaitable<void> accept(boost::asio::ip::tcp::acceptor acceptor);
  boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);
  /// These answer whether the connection may be used again.
  boost::asio::awaitable<bool> answer(boost::beast::tcp_stream& stream,
                                      const http_request& request);
  boost::asio::awaitable<bool> look_up(boost::beast::tcp_stream& stream,
                                       const http_request& request);

  http_response answer_faults(const http_request& request);

  const server_options options_;
  call_limit limit_;
  call_stats stats_;
  fault_plan faults_;
  std::size_t connections_ = 0;
  // The last member, so that the coroutines it holds are gone before what they use.
  boost::asio::io_context context_{1};
};

} // namespace enrichment_api
