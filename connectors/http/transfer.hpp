#pragma once

#include <weir/connectors/http/client_options.hpp>
#include <weir/connectors/http/request.hpp>
#include <weir/connectors/http/response.hpp>
#include <weir/connectors/http/sockets.hpp>
#include <weir/connectors/http/url.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <curl/curl.h>

namespace weir::http {

/// The secrets of a client as they are now; empty: none.
struct secrets {
  std::string login;
  std::string proxy;
};

/// One request in libcurl's hands, and what came back of it: a handle that is set up once and used for one request after
/// the other.
///
/// Owner: the thread of the I/O context, while it is under way; else any.
/// Invariants: whatever libcurl calls here throws nothing, and answers in time.
class transfer {
public:
  /// Throws std::bad_alloc. What it is given must outlive it; the sockets also libcurl's connections.
  transfer(const client_options& options, const url& base, sockets& open);
  transfer(const transfer&) = delete;
  transfer& operator=(const transfer&) = delete;

  /// Sets a request up, which must outlive it. `fresh`: over a new connection. `news` is called when the connection is
  /// there, and at the end. Throws std::bad_alloc.
  void prepare(const request& what, const secrets& with, bool fresh, std::function<void()> news);
  void ended(CURLcode how) noexcept;
  /// It can't go on, for a reason of this process.
  void broken(std::string why) noexcept;

  bool is_connected() const { return connected_; }
  bool is_over() const { return over_; }
  /// Did it find out, before it asked, that its kept connection is no good?
  bool wants_a_fresh_connection() const { return unasked_; }
  /// What came, once it is over; or a sentence that says why nothing did.
  std::optional<response> answer();
  std::string why_none() const;

  CURL* handle() const { return easy_.get(); }
  static transfer* of(CURL* handle);

private:
  struct clean_up {
    void operator()(CURL* one) const { curl_easy_cleanup(one); }
    void operator()(curl_slist* all) const { curl_slist_free_all(all); }
  };
  enum class flaw { none, body_too_long, header_too_long, no_status, no_memory };

  /// What came, of the header or of the body.
  template <bool (transfer::*take)(std::string_view)>
  static std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count,
                              void* mine) noexcept;
  static curl_socket_t on_open(void* mine, curlsocktype, curl_sockaddr* where) noexcept;
  static int on_close(void* open, curl_socket_t socket) noexcept;
  static int on_connected(void* mine, char* peer, char* local, int peer_port,
                          int local_port) noexcept;

  bool take_header(std::string_view line);
  bool take_status(std::string_view line);
  bool take_body(std::string_view bytes);
  bool is_kept() const;
  void add(std::unique_ptr<curl_slist, clean_up>& to, const std::string& line) const;
  template <class Value>
  void set(CURLoption option, Value value);
  void set_method(const request& what);

  const client_options& options_;
  const url& base_;
  sockets& open_;
  const std::unique_ptr<CURL, clean_up> easy_;
  std::unique_ptr<curl_slist, clean_up> lines_; // of the header of the request
  std::array<char, CURL_ERROR_SIZE> text_{};    // libcurl's own words on what went wrong
  std::function<void()> news_;

  response came_;
  std::size_t header_bytes_ = 0;
  bool header_ended_ = false;
  bool connected_ = false;
  bool unasked_ = false;
  bool over_ = false;
  CURLcode how_ = CURLE_OK;
  int no_socket_ = 0; // errno of where none was to be had
  flaw flaw_ = flaw::none;
  std::string status_line_; // the one that is none
  std::string trouble_;     // of this process
};

} // namespace weir::http
