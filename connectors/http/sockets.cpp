#include <weir/connectors/http/sockets.hpp>

#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

namespace weir::http {

namespace {

template <class Ask>
std::uint16_t port_of(int socket, Ask ask) {
  sockaddr_in6 where{}; // in both families the port is at the same place
  socklen_t size = sizeof where;
  return ask(socket, reinterpret_cast<sockaddr*>(&where), &size) == 0 ? ntohs(where.sin6_port)
                                                                      : std::uint16_t{0};
}

} // namespace

int sockets::open(int family, int type, int protocol) {
  open_.reserve(open_.size() + 1);
  const int made = ::socket(family, type | SOCK_CLOEXEC, protocol);
  if (made >= 0)
    open_.push_back({.socket = made});
  return made;
}

void sockets::close(int socket) noexcept {
  std::erase_if(open_, [&](const one& known) { return known.socket == socket; });
  ::close(socket);
}

bool sockets::has_bytes(std::uint16_t own_port, std::uint16_t their_port) {
  for (auto& known : open_) {
    if (known.own == 0) {
      known.own = port_of(known.socket, ::getsockname);
      known.theirs = port_of(known.socket, ::getpeername);
    }
    if (known.own != own_port || known.theirs != their_port)
      continue;
    pollfd look{.fd = known.socket, .events = POLLIN, .revents = 0};
    return ::poll(&look, 1, 0) != 0;
  }
  return false;
}

} // namespace weir::http
