#include <weir/connectors/http/client.hpp>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/// http_client [CONNECTIONS [REQUESTS]]: how many requests a second the HTTP client makes on kept connections, against a
/// server on a loopback address that only counts bytes.
namespace {

/// A thread a connection, each of which answers whatever ends with an empty line.
class server {
public:
  server() : listening_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* const address = reinterpret_cast<sockaddr*>(&where);
    if (::bind(listening_, address, size) != 0 || ::listen(listening_, 100) != 0
        || ::getsockname(listening_, address, &size) != 0)
      std::abort();
    port_ = ntohs(where.sin_port);
    std::thread{[this] { accept(); }}.detach();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

private:
  void accept() const {
    for (int one = 0; (one = ::accept(listening_, nullptr, nullptr)) >= 0;)
      std::thread{[one] { talk(one); }}.detach();
  }
  static void talk(int socket) {
    static const std::string answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                      "Content-Length: 100\r\n\r\n"
                                      + std::string(100, ' ');
    std::string seen;
    char bytes[16 * 1024];
    for (;;) {
      const auto count = ::recv(socket, bytes, sizeof bytes, 0);
      if (count <= 0)
        break;
      seen.append(bytes, static_cast<std::size_t>(count));
      if (!seen.ends_with("\r\n\r\n"))
        continue;
      seen.clear();
      if (::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL) <= 0)
        break;
    }
    ::close(socket);
  }

  const int listening_;
  std::uint16_t port_ = 0;
};

boost::asio::awaitable<void> ask(weir::http::client over, std::uint32_t times,
                                 std::uint32_t& answered) {
  while (times-- > 0) {
    const auto got = co_await over.get("/facts?key=1");
    if (got && got->body.size() == 100)
      ++answered;
  }
}

} // namespace

int main(int argc, char** argv) {
  const auto number = [&](int at, std::uint32_t otherwise) {
    return argc > at ? static_cast<std::uint32_t>(std::stoul(argv[at])) : otherwise;
  };
  const auto connections = number(1, 1);
  const auto requests = number(2, 20'000);
  const server to;
  const weir::http::client client{{.base_url = to.url(), .connections_max = connections}};
  std::uint32_t answered = 0;
  const auto began = std::chrono::steady_clock::now();
  {
    boost::asio::io_context io{1};
    for (std::uint32_t k = 0; k < connections; ++k)
      boost::asio::co_spawn(io, ask(client, requests / connections, answered),
                            boost::asio::detached);
    io.run();
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (answered != requests / connections * connections)
    return 1;
  std::cout << connections
            << " connections: " << static_cast<std::uint64_t>(answered / took.count())
            << " requests/s\n";
  return 0;
}
