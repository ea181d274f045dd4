#pragma once

#include "fuzz.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/// Blocking sockets on 127.0.0.1.
namespace loopback {

class peer {
public:
  explicit peer(int socket) : socket_{socket} {}
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;
  ~peer() { ::close(socket_); }

  static int connected_to(std::uint16_t port) {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fuzz::require(::connect(made, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0,
                  "the server listens");
    return made;
  }

  /// All of it, unless the other end has gone.
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0)
        return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void end() const { ::shutdown(socket_, SHUT_WR); }
  /// Up to the end.
  std::string read() const {
    std::string all;
    char some[16 * 1024];
    for (;;) {
      const auto came = ::recv(socket_, some, sizeof some, 0);
      if (came <= 0)
        return all;
      all.append(some, static_cast<std::size_t>(came));
    }
  }

private:
  const int socket_;
};

} // namespace loopback
