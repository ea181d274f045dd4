#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_set>

#include <boost/asio/any_io_executor.hpp>
#include <curl/curl.h>

namespace weir::http {

class transfer;

/// libcurl's multi interface on an I/O context: what is under way side by side, and the connections that are kept.
///
/// libcurl says which sockets and which time it waits for, and the context waits for it. Nothing of the context is held
/// while nothing is under way: so it may go before this does, and another one come.
///
/// Owner: the thread of one I/O context at a time; it may be destroyed on any thread, with nothing under way.
class transfers {
public:
  /// Throws std::bad_alloc.
  explicit transfers(std::size_t connections_max);
  transfers(const transfers&) = delete;
  transfers& operator=(const transfers&) = delete;
  ~transfers();

  /// Begins one that is prepared. It may be over at once.
  void begin(transfer& one, const boost::asio::any_io_executor& where);
  /// Ends it if it isn't over, and its connection with it.
  void remove(transfer& one) noexcept;

private:
  class watch;
  struct on_context;

  static int on_socket(CURL* handle, curl_socket_t socket, int what, void* mine, void*) noexcept;
  static int on_time(CURLM* handle, long milliseconds, void* mine) noexcept;

  /// Something happened at a socket, or the time is over.
  void act(curl_socket_t socket, int events) noexcept;
  void look_at(curl_socket_t socket, int what);
  void set_timer(long milliseconds);
  void break_all(const std::string& why) noexcept;

  CURLM* const multi_;
  std::unordered_set<transfer*> under_way_;
  std::shared_ptr<on_context> io_; // while something is under way
  bool adding_ = false;            // and will go on with it at once
  std::string trouble_;            // what the context refused
};

} // namespace weir::http
