#include "loopback.hpp"

#include <weir/connectors/http/client.hpp>

#include <atomic>
#include <optional>
#include <string>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

/// HTTP answers to the client, as a connection brings them.
namespace {

/// Answers each connection with the same bytes, whatever it asks.
class server {
public:
  server() : listening_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* const address = reinterpret_cast<sockaddr*>(&where);
    fuzz::require(::bind(listening_, address, size) == 0 && ::listen(listening_, 10) == 0
                      && ::getsockname(listening_, address, &size) == 0,
                  "a server can listen");
    port_ = ntohs(where.sin_port);
    thread_ = std::thread{[this] { serve(); }};
  }
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server() {
    ::shutdown(listening_, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
  }

  std::uint16_t port() const { return port_; }
  void answers(std::string_view bytes) { answer_ = bytes; } // before anybody connects

private:
  void serve() const {
    for (;;) {
      const int socket = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0)
        return;
      const loopback::peer client{socket};
      client.send(answer_);
      client.end();
      client.read();
    }
  }

  const int listening_;
  std::uint16_t port_ = 0;
  std::string answer_;
  std::thread thread_;
};

constexpr std::uint64_t body_max = 2000;

boost::asio::awaitable<void> ask(weir::http::client over,
                                 std::optional<weir::result<weir::http::response>>& answer) {
  answer = co_await over.get("/facts?id=1");
}

} // namespace

std::vector<std::string> fuzz::corpus() {
  return {
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"a\": 1}\n",
      "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 503 Later\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: "
      "close\r\n\r\nbody",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n5;x\r\ndefgh\r\n0\r\nT: 1\r\n\r\n",
      "HTTP/1.0 404 Not Found\r\n\r\n",
      "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 2001\r\n\r\n" + std::string(2001, 'x'),
      "HTTP/1.1 200 OK\r\nX: " + std::string(3000, 'h') + "\r\n\r\n",
      "",
      "SSH-2.0-x\r\n"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  server to;
  to.answers(fuzz::text_of(bytes, size));
  const weir::http::client client{{.base_url = "http://127.0.0.1:" + std::to_string(to.port()),
                                   .connections_max = 1,
                                   .timeout = std::chrono::seconds{10},
                                   .body_max = body_max,
                                   .header_max = 2000}};
  std::optional<weir::result<weir::http::response>> answer;
  boost::asio::io_context io;
  boost::asio::co_spawn(io, ask(client, answer), boost::asio::detached);
  io.run();
  fuzz::require(answer.has_value(), "a request ends");
  fuzz::require(client.in_use() == 0 && client.waiting() == 0, "and gives its connection back");
  if (*answer) {
    const auto& got = **answer;
    fuzz::require(got.body.size() <= body_max, "no body is longer than its limit");
    fuzz::require(got.status / 100 != 1, "an answer that only announces another is none");
    fuzz::require(!got.retry_after || got.retry_after->count() >= 0,
                  "nobody is asked to come back earlier");
  } else {
    fuzz::require(answer->error().kind == weir::failure_kind::transient,
                  "what comes wrong may come right");
    fuzz::require(answer->error().message().starts_with("GET http://"),
                  "a failure says whose it is");
  }
  return 0;
}
