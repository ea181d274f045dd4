#include <weir/connectors/http/transfer.hpp>

#include <weir/actors/clock.hpp>
#include <weir/actors/virtual_time.hpp>
#include <weir/connectors/http/retry_after.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <new>
#include <system_error>
#include <utility>

namespace weir::http {

namespace {

constexpr std::size_t said_max = 200; // characters of what a peer or a library says

/// What others say, without what is long or not to be shown.
std::string shown(std::string_view text, std::size_t most = said_max) {
  auto made = std::string{text.substr(0, most)};
  std::ranges::replace_if(
      made, [](char c) { return c < ' ' || c > '~'; }, '?');
  return made;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const auto from = text.find_first_not_of(blank);
  if (from == std::string_view::npos)
    return {};
  return text.substr(from, text.find_last_not_of(blank) - from + 1);
}

long whole_seconds(std::chrono::milliseconds time) {
  return static_cast<long>(std::chrono::ceil<std::chrono::seconds>(time).count());
}

} // namespace

transfer::transfer(const client_options& options, const url& base, sockets& open)
    : options_{options}, base_{base}, open_{open}, easy_{[] {
        static const auto begun = curl_global_init(CURL_GLOBAL_DEFAULT);
        auto* const made = begun == CURLE_OK ? curl_easy_init() : nullptr;
        if (made == nullptr)
          throw std::bad_alloc{};
        return made;
      }()} {
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_ERRORBUFFER, text_.data());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L); // who is cancelled does not wait for the look-up of a name
  set(CURLOPT_HEADERFUNCTION, &transfer::on_bytes<&transfer::take_header>);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &transfer::on_bytes<&transfer::take_body>);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_OPENSOCKETFUNCTION, &transfer::on_open);
  set(CURLOPT_OPENSOCKETDATA, this);
  set(CURLOPT_CLOSESOCKETFUNCTION, &transfer::on_close);
  set(CURLOPT_CLOSESOCKETDATA,
      &open_); // a connection may outlive the transfer that it was made for
  set(CURLOPT_PREREQFUNCTION, &transfer::on_connected);
  set(CURLOPT_PREREQDATA, this);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  // A connection has one request at a time, so that connections_max is what it says.
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_ACCEPT_ENCODING, "gzip");
  set(CURLOPT_USERAGENT, "weir");
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, base.secure ? "https" : "http,https");
  set(CURLOPT_FOLLOWLOCATION, options.redirects_max > 0 ? 1L : 0L);
  set(CURLOPT_MAXREDIRS, static_cast<long>(options.redirects_max));
  set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(std::min<std::uint64_t>(
                                     options.body_max, std::numeric_limits<curl_off_t>::max())));
  if (options.idle_max.count() > 0)
    set(CURLOPT_MAXAGE_CONN, whole_seconds(options.idle_max));
  else
    set(CURLOPT_FORBID_REUSE, 1L);

  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options.ca_file.empty()) { // in place of those that the system trusts
    set(CURLOPT_CAINFO, options.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  set(CURLOPT_PROXY, options.proxy.c_str()); // also if empty: else the environment is asked
  set(CURLOPT_NOPROXY, "");
  set(CURLOPT_PROXYAUTH, static_cast<long>(CURLAUTH_BASIC));
}

template <class Value>
void transfer::set(CURLoption option, Value value) {
  // Whether this libcurl knows an option is looked at when a client is made.
  if (curl_easy_setopt(easy_.get(), option, value) == CURLE_OUT_OF_MEMORY)
    throw std::bad_alloc{};
}

transfer* transfer::of(CURL* handle) {
  char* mine = nullptr;
  curl_easy_getinfo(handle, CURLINFO_PRIVATE, &mine);
  return reinterpret_cast<transfer*>(mine);
}

void transfer::add(std::unique_ptr<curl_slist, clean_up>& to, const std::string& line) const {
  auto* const longer = curl_slist_append(to.get(), line.c_str());
  if (longer == nullptr)
    throw std::bad_alloc{};
  (void)to.release(); // it is the same list, or was empty
  to.reset(longer);
}

void transfer::prepare(const request& what, const secrets& with, bool fresh,
                       std::function<void()> news) {
  news_ = std::move(news);
  came_ = {};
  header_bytes_ = 0;
  header_ended_ = connected_ = unasked_ = over_ = false;
  how_ = CURLE_OK;
  no_socket_ = 0;
  flaw_ = flaw::none;
  status_line_.clear();
  trouble_.clear();
  text_[0] = '\0';

  auto path = base_.path + what.target;
  if (!path.starts_with('/'))
    path.insert(0, "/");
  set(CURLOPT_URL, (base_.origin() + path).c_str());
  set(CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
  // By this libcurl leaves a silent address, so it is the system's time; what ends a request is the client's own time.
  const bool real = virtual_time::here() == nullptr && options_.connect_timeout.count() > 0;
  set(CURLOPT_CONNECTTIMEOUT_MS, real ? static_cast<long>(options_.connect_timeout.count()) : 0L);
  set_method(what);

  lines_.reset();
  add(lines_, "Expect:"); // a body is sent at once
  if (what.content_type.empty())
    add(lines_, "Content-Type:");
  else
    add(lines_, "Content-Type: " + what.content_type);
  for (const auto* all : {&options_.headers, &what.headers})
    for (const auto& one : *all) // of one without a value libcurl wants it so
      add(lines_, one.value.empty() ? one.name + ";" : one.name + ": " + one.value);
  set(CURLOPT_HTTPHEADER, lines_.get());

  if (!with.login.empty() && options_.login.user.empty()) {
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
    set(CURLOPT_XOAUTH2_BEARER, with.login.c_str());
  } else if (!with.login.empty()) {
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set(CURLOPT_USERNAME, options_.login.user.c_str());
    set(CURLOPT_PASSWORD, with.login.c_str());
  }
  if (!with.proxy.empty()) {
    set(CURLOPT_PROXYUSERNAME, options_.proxy_login.user.c_str());
    set(CURLOPT_PROXYPASSWORD, with.proxy.c_str());
  }
}

void transfer::set_method(const request& what) {
  set(CURLOPT_HTTPGET, 1L); // from here: no body, and none from the request before
  set(CURLOPT_CUSTOMREQUEST, static_cast<const char*>(nullptr));
  if (what.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
    return;
  }
  const bool always_has_a_body =
      what.method == "POST" || what.method == "PUT" || what.method == "PATCH";
  if (always_has_a_body || !what.body.empty()) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(what.body.size()));
    set(CURLOPT_POSTFIELDS, what.body.c_str());
  }
  if (what.method != "POST" && (what.method != "GET" || !what.body.empty()))
    set(CURLOPT_CUSTOMREQUEST, what.method.c_str());
}

template <bool (transfer::*take)(std::string_view)>
std::size_t transfer::on_bytes(char* bytes, std::size_t size, std::size_t count,
                               void* mine) noexcept {
  auto& self = *static_cast<transfer*>(mine);
  try {
    return (self.*take)({bytes, size * count}) ? size * count : 0;
  } catch (...) {
    self.flaw_ = flaw::no_memory;
    return 0;
  }
}

curl_socket_t transfer::on_open(void* mine, curlsocktype, curl_sockaddr* where) noexcept {
  auto& self = *static_cast<transfer*>(mine);
  try {
    const int made = self.open_.open(where->family, where->socktype, where->protocol);
    self.no_socket_ = made < 0 ? errno : 0;
    return made;
  } catch (const std::bad_alloc&) {
    self.no_socket_ = ENOMEM;
    return CURL_SOCKET_BAD;
  }
}

int transfer::on_close(void* open, curl_socket_t socket) noexcept {
  static_cast<sockets*>(open)->close(socket);
  return 0;
}

/// Nothing was asked on a kept connection yet, so what can be read there is not for us: an answer that came too late, or
/// a farewell. Some versions of libcurl see only the latter.
int transfer::on_connected(void* mine, char*, char*, int their_port, int own_port) noexcept {
  auto& self = *static_cast<transfer*>(mine);
  if (self.is_kept()
      && self.open_.has_bytes(static_cast<std::uint16_t>(own_port),
                              static_cast<std::uint16_t>(their_port))) {
    self.unasked_ = true;
    return CURL_PREREQFUNC_ABORT;
  }
  self.connected_ = true;
  if (self.news_)
    self.news_();
  return CURL_PREREQFUNC_OK;
}

/// Is it asked over a connection that was there?
bool transfer::is_kept() const {
  long made = 0;
  return curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &made) == CURLE_OK && made == 0;
}

bool transfer::take_header(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > options_.header_max) {
    flaw_ = flaw::header_too_long;
    return false;
  }
  if (line.starts_with("HTTP/") && (header_ended_ || came_.status == 0))
    return take_status(line);
  if (header_ended_) // a trailer
    return true;
  if (trimmed(line).empty()) {
    header_ended_ = true;
    return true;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos)
    return true;
  header one{.name = std::string{trimmed(line.substr(0, colon))},
             .value = std::string{trimmed(line.substr(colon + 1))}};
  std::ranges::transform(one.name, one.name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  came_.headers.push_back(std::move(one));
  return true;
}

/// "HTTP/1.1 200 OK", perhaps without the reason and the blank before it. It may be the next one, after a 100 or a
/// redirect.
bool transfer::take_status(std::string_view line) {
  came_ = {};
  header_ended_ = false;
  const auto blank = line.find(' ');
  const auto code = blank == std::string_view::npos ? "" : trimmed(line.substr(blank));
  if (code.size() >= 3 && std::all_of(code.begin(), code.begin() + 3, is_digit)
      && (code.size() == 3 || code[3] == ' '))
    came_.status =
        static_cast<unsigned>((code[0] - '0') * 100 + (code[1] - '0') * 10 + code[2] - '0');
  if (came_.status >= 100 && came_.status <= 599)
    return true;
  flaw_ = flaw::no_status;
  status_line_ = shown(trimmed(line), 93); // of the reason some eighty characters
  return false;
}

bool transfer::take_body(std::string_view bytes) {
  if (bytes.size()
      > options_.body_max - std::min<std::uint64_t>(came_.body.size(), options_.body_max)) {
    flaw_ = flaw::body_too_long;
    return false;
  }
  came_.body += bytes;
  return true;
}

void transfer::ended(CURLcode how) noexcept {
  how_ = how;
  over_ = true;
  if (news_)
    news_();
}

void transfer::broken(std::string why) noexcept {
  trouble_ = std::move(why);
  ended(CURLE_FAILED_INIT);
}

std::optional<response> transfer::answer() {
  if (how_ != CURLE_OK || !header_ended_
      || came_.status / 100 == 1) // one that only announces another
    return std::nullopt;
  came_.content_type = came_.value_of("content-type");
  came_.retry_after = retry_after(came_.value_of("retry-after"), clock::wall());
  return std::move(came_);
}

std::string transfer::why_none() const {
  if (!trouble_.empty())
    return trouble_;
  switch (flaw_) {
  case flaw::body_too_long:
    return "the answer is longer than " + std::to_string(options_.body_max) + " bytes";
  case flaw::header_too_long:
    return "the header of the answer is longer than " + std::to_string(options_.header_max)
           + " bytes";
  case flaw::no_status:
    return "the answer has no status of 100 to 599: '" + status_line_ + "'";
  case flaw::no_memory:
    return "no memory";
  case flaw::none:
    break;
  }
  switch (how_) {
  case CURLE_OK: // the connection ended before the header did
  case CURLE_PARTIAL_FILE:
    return "the connection was closed in the middle of the answer";
  case CURLE_GOT_NOTHING:
    return "the connection was closed without an answer";
  case CURLE_FILESIZE_EXCEEDED:
    return "the answer is longer than " + std::to_string(options_.body_max) + " bytes";
  case CURLE_OPERATION_TIMEDOUT:
    return "timed out";
  case CURLE_OUT_OF_MEMORY:
    return "no memory";
  case CURLE_COULDNT_RESOLVE_HOST:
    return "the name of the host has no address";
  case CURLE_COULDNT_RESOLVE_PROXY:
    return "the name of the proxy has no address";
  case CURLE_TOO_MANY_REDIRECTS:
    return "it is redirected more than " + std::to_string(options_.redirects_max) + " times";
  case CURLE_UNSUPPORTED_PROTOCOL:
    return std::string_view{text_.data()}.starts_with("Unsupported response code")
               ? "the answer has no status of 100 to 599"
               : "the answer is no HTTP";
  case CURLE_COULDNT_CONNECT: {
    long reason = no_socket_;
    if (reason == 0)
      curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &reason);
    if (reason != 0) // libcurl's own words tell how long it took, so that no two were the same
      return std::generic_category().message(static_cast<int>(reason));
    return "no address of the host can be reached";
  }
  default:
    return shown(text_[0] != '\0' ? std::string_view{text_.data()} : curl_easy_strerror(how_));
  }
}

} // namespace weir::http
