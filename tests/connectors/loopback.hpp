#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/// Plain blocking sockets on 127.0.0.1, for tests that say every byte themselves.
namespace loopback {

/// What a system call returns that is made again when a signal, or a stop of the process, breaks it off.
template <class Call>
auto uninterrupted(Call call) {
  auto got = call();
  while (got < 0 && errno == EINTR)
    got = call();
  return got;
}

/// One end of a connection.
class peer {
public:
  explicit peer(int socket) : socket_{socket} {
    const timeval patience{.tv_sec = 30, .tv_usec = 0}; // only a test that fails waits this long
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  peer(peer&& other) noexcept
      : socket_{other.socket_.exchange(-1)}, unread_{std::move(other.unread_)} {}
  peer& operator=(peer&&) = delete;
  ~peer() { close(); }

  /// If nobody listens there, every call of it fails.
  static peer connect_to(std::uint16_t port) {
    peer made{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto where = address(port);
    if (::connect(made.socket_, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0)
      made.close();
    return made;
  }
  static sockaddr_in address(std::uint16_t port) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return where;
  }

  /// False once the other end is gone.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto count =
          uninterrupted([&] { return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL); });
      if (count <= 0)
        return false;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  /// The next bytes up to and with `end`; what there is if the connection ends before.
  std::string read_until(std::string_view end) {
    for (;;) {
      if (const auto at = unread_.find(end); at != std::string::npos)
        return take(at + end.size());
      if (!read_more())
        return take(unread_.size());
    }
  }
  std::string read(std::size_t bytes) {
    while (unread_.size() < bytes && read_more())
      ;
    return take(std::min(bytes, unread_.size()));
  }
  std::string read_header() { return read_until("\r\n\r\n"); }

  /// Waits until the other end closes or resets the connection; false if it doesn't.
  bool sees_the_end() {
    while (read_more())
      unread_.clear();
    return ended_;
  }

  /// The same, but the other end must not reset it.
  bool sees_an_orderly_end() { return sees_the_end() && !reset_; }

  void close() {
    if (const int socket = socket_.exchange(-1); socket >= 0)
      ::close(socket);
  }
  /// Closes so that the other end sees a reset.
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  /// Makes blocked calls return, from another thread.
  void shut_down() { ::shutdown(socket_, SHUT_RDWR); }

private:
  std::string take(std::size_t bytes) {
    auto taken = unread_.substr(0, bytes);
    unread_.erase(0, bytes);
    return taken;
  }
  bool read_more() {
    char bytes[16 * 1024];
    const auto count = uninterrupted([&] { return ::recv(socket_, bytes, sizeof bytes, 0); });
    reset_ = count < 0 && errno == ECONNRESET;
    ended_ = count == 0 || reset_;
    if (count > 0)
      unread_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }

  std::atomic<int> socket_; // -1: closed
  std::string unread_;
  bool ended_ = false;
  bool reset_ = false;
};

/// A server that does with its n-th connection (from 0) what the test says, each on a thread of its own.
class server {
public:
  using conversation = std::function<void(peer& with, int connection)>;

  explicit server(conversation what, std::uint16_t port = 0) : what_{std::move(what)} {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int again = 1; // a connection of before may linger on the port
    ::setsockopt(listening_, SOL_SOCKET, SO_REUSEADDR, &again, sizeof again);
    auto where = peer::address(port);
    socklen_t size = sizeof where;
    EXPECT_EQ(::bind(listening_, reinterpret_cast<const sockaddr*>(&where), size), 0);
    EXPECT_EQ(::listen(listening_, 100), 0);
    EXPECT_EQ(::getsockname(listening_, reinterpret_cast<sockaddr*>(&where), &size), 0);
    port_ = ntohs(where.sin_port);
    accepting_ = std::thread{[this] { accept(); }};
  }
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server() {
    ::shutdown(listening_, SHUT_RDWR);
    accepting_.join();
    for (auto& one : peers_)
      one->shut_down();
    for (auto& one : talking_)
      one.join();
    ::close(listening_);
  }

  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int accepted() const { return accepted_; }

private:
  void accept() {
    for (;;) {
      const int socket =
          uninterrupted([&] { return ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC); });
      if (socket < 0)
        return;
      auto& with = *peers_.emplace_back(std::make_unique<peer>(socket));
      talking_.emplace_back([this, &with, connection = accepted_++] { what_(with, connection); });
    }
  }

  const conversation what_;
  int listening_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::vector<std::unique_ptr<peer>> peers_; // of the accepting thread, then of the destructor
  std::vector<std::thread> talking_;
  std::thread accepting_;
};

} // namespace loopback
