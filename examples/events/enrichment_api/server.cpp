#include "server.hpp"

#include "facts.hpp"
#include "query.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <nlohmann/json.hpp>

namespace enrichment_api {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr std::size_t connections_max = 1024;
constexpr std::uint32_t header_max = 8 * 1024; // bytes
constexpr std::uint64_t body_max = 64 * 1024;  // bytes
constexpr std::size_t buffer_max =
    2 * (8 + 64) * 1024;             // bytes: one request and the start of a pipelined one
constexpr std::size_t key_max = 256; // bytes
constexpr auto idle_max = std::chrono::seconds{60}; // between two requests, and within one
constexpr auto write_max = std::chrono::seconds{30};

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);

http_response json_response(unsigned status, const json& body) {
  http_response response;
  response.result(status);
  response.set(http::field::content_type, "application/json");
  response.body() = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  return response;
}

http_response error_response(unsigned status, std::string_view why) {
  return json_response(status, {{"error", why}});
}

http_response wrong_method(std::string_view allowed) {
  auto response = error_response(405, "allowed: " + std::string{allowed});
  response.set(http::field::allow, {allowed.data(), allowed.size()});
  return response;
}

/// Answers that are broken in several ways. After each of them the connection is closed.
std::string garbage(unsigned variety, const json& facts) {
  const auto body = facts.dump();
  const auto with_length = [](std::size_t length, std::string_view text) {
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
           + std::to_string(length) + "\r\n\r\n" + std::string{text};
  };
  const auto half = body.substr(0, body.size() / 2);
  switch (variety % 4) {
  case 0: // good HTTP, broken JSON
    return with_length(half.size(), half);
  case 1: // a body that ends too early
    return with_length(body.size(), half);
  case 2: // a length that cuts the body
    return with_length(half.size(), body);
  default: // not HTTP at all
    return "\x16\x03\x01 this is not the answer you asked for\r\n\r\n";
  }
}

/// The HTTP status for a request that could not be read; nothing if the peer just went away.
std::optional<unsigned> status_for(const beast::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return 431;
  }
  if (error == http::error::body_limit) {
    return 413;
  }
  const beast::error_code any_http_error = http::error::end_of_stream;
  if (error.category() != any_http_error.category() || error == http::error::end_of_stream
      || error == http::error::partial_message) {
    return std::nullopt;
  }
  return 400;
}

asio::awaitable<bool> send(beast::tcp_stream& stream, http_response response,
                           const http_request& request) {
  response.version(request.version());
  response.keep_alive(request.keep_alive());
  if (request.method() == http::verb::head) {
    response.body().clear();
  }
  response.prepare_payload();
  stream.expires_after(write_max);
  const auto [error, bytes] = co_await http::async_write(stream, response, no_throw);
  co_return !error && response.keep_alive();
}

/// Says nothing until the peer goes away.
asio::awaitable<void> hang(beast::tcp_stream& stream) {
  std::array<char, 512> ignored{};
  stream.expires_never();
  for (;;) {
    const auto [error, bytes] = co_await stream.async_read_some(asio::buffer(ignored), no_throw);
    if (error) {
      co_return;
    }
  }
}

/// A reader never sees half a file: the file appears under its name when it is complete.
void write_port_file(const std::string& name, unsigned short port) {
  const auto draft = name + ".tmp";
  std::ofstream file{draft};
  file << port << "\n";
  file.close();
  std::error_code error;
  if (file) {
    std::filesystem::rename(draft, name, error);
  }
  if (!file || error) {
    throw std::runtime_error{"can't write the port file " + name};
  }
}

tcp::acceptor listen(asio::io_context& context, const tcp::endpoint& endpoint) {
  try {
    return tcp::acceptor{context, endpoint};
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error{"can't listen on " + endpoint.address().to_string() + ":"
                             + std::to_string(endpoint.port()) + ": " + error.code().message()};
  }
}

} // namespace

server::server(server_options options, fault_set faults)
    : options_{std::move(options)},
      limit_{options_.rate, options_.burst, clock::now()},
      faults_{options_.seed} {
  faults_.set(std::move(faults));
}

void server::run() {
  asio::signal_set signals{context_, SIGINT, SIGTERM};
  signals.async_wait([this](auto, auto) { context_.stop(); });

  auto acceptor = listen(context_, options_.listen);
  const auto bound = acceptor.local_endpoint();
  asio::co_spawn(context_, accept(std::move(acceptor)), asio::detached);
  if (!options_.port_file.empty()) {
    write_port_file(options_.port_file, bound.port());
  }
  std::cerr << "enrichment_api: listening on " << bound << ", " << options_.rate
            << " calls/s, burst " << options_.burst << std::endl;
  context_.run();
}

asio::awaitable<void> server::accept(tcp::acceptor acceptor) {
  asio::steady_timer pause{context_};
  for (;;) {
    auto [error, socket] = co_await acceptor.async_accept(no_throw);
    if (error) { // no descriptors left: others will be closed
      pause.expires_after(std::chrono::milliseconds{100});
      co_await pause.async_wait(no_throw);
    } else if (connections_ < connections_max) {
      ++connections_;
      asio::co_spawn(context_, serve(std::move(socket)), [this](std::exception_ptr failure) {
        --connections_;
        try {
          if (failure) {
            std::rethrow_exception(failure);
          }
        } catch (const std::exception& thrown) {
          std::cerr << "enrichment_api: a connection failed: " << thrown.what() << std::endl;
        }
      });
    }
  }
}

asio::awaitable<void> server::serve(tcp::socket socket) {
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay{true}, ignored);
  beast::tcp_stream stream{std::move(socket)};
  beast::flat_buffer buffer{buffer_max};
  for (;;) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(header_max);
    parser.body_limit(body_max);
    stream.expires_after(idle_max);
    const auto [error, bytes] = co_await http::async_read(stream, buffer, parser, no_throw);
    if (error) {
      if (const auto status = status_for(error)) {
        parser.get().keep_alive(false);
        co_await send(stream, error_response(*status, error.message()), parser.get());
      }
      break;
    }
    const auto reusable = co_await answer(stream, parser.get());
    if (!reusable) {
      break;
    }
  }
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<bool> server::answer(beast::tcp_stream& stream, const http_request& request) {
  const std::string_view target{request.target().data(), request.target().size()};
  const auto path = path_of(target);
  if (path == "/lookup") {
    co_return co_await look_up(stream, request);
  }
  if (path == "/faults") {
    co_return co_await send(stream, answer_faults(request), request);
  }
  if (path != "/stats") {
    auto response = error_response(404, "there is /lookup?key=K, /stats and /faults");
    co_return co_await send(stream, std::move(response), request);
  }
  if (request.method() != http::verb::get) {
    co_return co_await send(stream, wrong_method("GET"), request);
  }
  co_return co_await send(stream, json_response(200, stats_.to_json(clock::now())), request);
}

http_response server::answer_faults(const http_request& request) {
  try {
    if (request.method() == http::verb::post) {
      faults_.set(faults_from_json(request.body()));
    } else if (request.method() == http::verb::delete_) {
      faults_.set({});
    } else if (request.method() != http::verb::get) {
      return wrong_method("GET, POST, DELETE");
    }
  } catch (const std::invalid_argument& error) {
    return error_response(400, error.what());
  }
  return json_response(200, to_json(faults_.in_force()));
}

asio::awaitable<bool> server::look_up(beast::tcp_stream& stream, const http_request& request) {
  struct call_in_flight {
    call_stats& stats;
    ~call_in_flight() { stats.left(); }
  };
  const auto now = clock::now();
  stats_.arrived(now);
  const call_in_flight call{stats_};

  const auto answer_with = [&](http_response answer) {
    stats_.answered(std::to_string(answer.result_int()));
    return send(stream, std::move(answer), request);
  };

  const auto wait = limit_.take(now);
  if (wait > wait.zero()) {
    auto response = error_response(429, "more calls than the limit allows");
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
    response.set(http::field::retry_after, std::to_string(seconds));
    co_return co_await answer_with(std::move(response));
  }
  stats_.accepted(now);

  if (request.method() != http::verb::get) {
    co_return co_await answer_with(wrong_method("GET"));
  }
  const std::string_view target{request.target().data(), request.target().size()};
  const auto key = query_value(target, "key");
  if (!key || key->empty() || key->size() > key_max) {
    auto response = error_response(400, "expected /lookup?key=K with a key of 1 to 256 bytes");
    co_return co_await answer_with(std::move(response));
  }

  const auto verdict = faults_.decide(*key, stats_.asked_for(*key));
  if (verdict.delay > verdict.delay.zero()) {
    asio::steady_timer delay{context_, verdict.delay};
    co_await delay.async_wait(no_throw);
  }
  switch (verdict.what) {
  case outcome::hang:
    stats_.answered("hung");
    co_await hang(stream);
    co_return false;
  case outcome::garbage: {
    stats_.answered("garbage");
    const auto text = garbage(verdict.variety, facts_about(*key));
    stream.expires_after(write_max);
    co_await asio::async_write(stream, asio::buffer(text), no_throw);
    co_return false;
  }
  case outcome::fail:
  case outcome::status: {
    auto response = error_response(static_cast<unsigned>(verdict.status), "a fault, as ordered");
    if (verdict.status == 429) {
      response.set(http::field::retry_after, "1");
    }
    co_return co_await answer_with(std::move(response));
  }
  case outcome::facts:
    break;
  }
  co_return co_await answer_with(json_response(200, facts_about(*key)));
}

} // namespace enrichment_api
