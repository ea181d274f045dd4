#pragma once

#include <cstdint>
#include <vector>

#include <sys/socket.h>

namespace weir::http {

/// The sockets that libcurl has open, known by the ports at their ends: libcurl names these when it is about to ask over a
/// connection, and not the socket.
///
/// Owner: as transfers.
class sockets {
public:
  sockets() = default;
  sockets(const sockets&) = delete;
  sockets& operator=(const sockets&) = delete;

  /// -1, with errno, if there is none to be had. Throws std::bad_alloc.
  int open(int family, int type, int protocol);
  void close(int socket) noexcept;

  /// Is there something to be read on the connection between these ports? Not if there is no such connection.
  bool has_bytes(std::uint16_t own_port, std::uint16_t their_port);

private:
  struct one {
    int socket;
    std::uint16_t own = 0; ///< 0: not looked up yet
    std::uint16_t theirs = 0;
  };
  std::vector<one> open_;
};

} // namespace weir::http
