#include <weir/connectors/http/client.hpp>

#include <weir/actors/clock.hpp>
#include <weir/actors/virtual_time.hpp>
#include <weir/connectors/http/sockets.hpp>
#include <weir/connectors/http/time.hpp>
#include <weir/connectors/http/transfer.hpp>
#include <weir/connectors/http/transfers.hpp>
#include <weir/connectors/http/waiting_line.hpp>
#include <weir/supervision/retry.hpp>

#include <algorithm>
#include <fstream>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr unsigned unauthorized = 401;

std::string describe(const error_code& why) {
  if (why == asio::error::operation_aborted)
    return "cancelled";
  if (why == asio::error::timed_out)
    return "timed out";
  return why.message();
}

[[noreturn]] void refuse(const std::string& why) {
  throw std::invalid_argument{"an HTTP client can't be made: " + why};
}

/// What it is told, or why it can't be.
client_options checked(client_options options) {
  if (options.connections_max == 0)
    refuse("connections_max must be at least 1, not 0");
  for (auto* one :
       {&options.timeout, &options.connect_timeout}) // what ends after it has to have a time
    *one = std::min<std::chrono::milliseconds>(*one, duration_max);
  if (const auto headers = check({.target = "", .headers = options.headers}); !headers)
    refuse(headers.error().message());
  if (!options.ca_file.empty() && !std::ifstream{options.ca_file})
    refuse("the file of certificates '" + options.ca_file + "' can't be read");
  if (!options.proxy.empty()) {
    if (auto proxy = parse_url(options.proxy); !proxy)
      refuse(std::move(proxy.error()).within("its proxy").message());
    else if (!proxy->path.empty())
      refuse("its proxy has a path");
  } else if (!options.proxy_login.none() || !options.proxy_login.user.empty()) {
    refuse("there is a login for a proxy, but no proxy");
  }
  if (!options.proxy_login.none() && options.proxy_login.user.empty())
    refuse("the login for its proxy has no user");
  return options;
}

std::string checked_secret(const credentials& of) {
  if (of.none() && of.user.empty())
    return {};
  auto secret = secret_of(of);
  if (!secret)
    refuse(secret.error().message());
  return std::move(*secret);
}

url checked_url(const std::string& text) {
  auto base = parse_url(text);
  if (!base)
    refuse(base.error().message());
  return std::move(*base);
}

} // namespace

class client::pool : public std::enable_shared_from_this<pool> {
public:
  explicit pool(client_options options)
      : options_{checked(std::move(options))},
        base_{checked_url(options_.base_url)},
        origin_{base_.origin()},
        secrets_{.login = checked_secret(options_.login),
                 .proxy = checked_secret(options_.proxy_login)},
        under_way_{options_.connections_max} {}

  static asio::awaitable<result<response>> ask(std::shared_ptr<pool> here, request what);

  const std::string& origin() const { return origin_; }
  std::size_t in_use() const { return in_use_; }
  std::size_t waiting() const { return for_place_.size(); }

private:
  /// The right to have a connection, until the end of the scope.
  struct lease {
    std::shared_ptr<pool> from;
    explicit lease(std::shared_ptr<pool> here) : from{std::move(here)} {}
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() { from->give_place_back(); }
  };
  /// A handle of libcurl's, until the end of the scope.
  struct loan {
    pool& from;
    std::unique_ptr<transfer> one;
    explicit loan(pool& here) : from{here} {
      if (here.spare_.empty()) {
        here.spare_.reserve(here.options_.connections_max); // so that giving back can't fail
        one = std::make_unique<transfer>(here.options_, here.base_, here.open_);
      } else {
        one = std::move(here.spare_.back());
        here.spare_.pop_back();
      }
    }
    loan(const loan&) = delete;
    loan& operator=(const loan&) = delete;
    ~loan() {
      from.under_way_.remove(*one);
      from.spare_.push_back(std::move(one));
    }
  };

  asio::awaitable<result<response>> ask_in_turn(const request& what);
  asio::awaitable<error_code> take_place(clock::time_point deadline);
  asio::awaitable<error_code> run(transfer& one, const request& what, bool fresh,
                                  clock::time_point deadline);
  bool has_another_secret();
  void give_place_back() {
    if (!for_place_.release_first()) // else the place is theirs now
      --in_use_;
  }

  const client_options options_;
  const url base_;
  const std::string origin_;
  secrets secrets_;
  sockets open_;
  transfers under_way_;                          // closes what is open when it goes
  std::vector<std::unique_ptr<transfer>> spare_; // at most connections_max - in_use_
  std::uint32_t in_use_ = 0;
  waiting_line for_place_{[this] { give_place_back(); }};
};

client::client(client_options options) : pool_{std::make_shared<pool>(std::move(options))} {}

asio::awaitable<result<response>> client::ask(request what) const {
  return pool::ask(pool_, std::move(what));
}
asio::awaitable<result<response>> client::get(std::string_view target) const {
  return pool::ask(pool_, {.method = "GET", .target = std::string{target}});
}
asio::awaitable<result<response>> client::post(std::string_view target, std::string body,
                                               std::string_view content_type) const {
  return pool::ask(pool_, {.method = "POST",
                           .target = std::string{target},
                           .body = std::move(body),
                           .content_type = std::string{content_type}});
}

const std::string& client::origin() const { return pool_->origin(); }
std::size_t client::in_use() const { return pool_->in_use(); }
std::size_t client::waiting() const { return pool_->waiting(); }

asio::awaitable<result<response>> client::pool::ask(std::shared_ptr<pool> here, request what) {
  const auto about = [&] { return what.method + " " + here->origin_ + ": "; };
  if (const auto good = check(what); !good)
    co_return poison("a request to " + here->origin_ + ": " + good.error().message());
  std::string why;
  try {
    auto got = co_await here->ask_in_turn(what);
    if (got)
      co_return got;
    why = got.error().message();
  } catch (const boost::system::system_error& thrown) { // as Asio does what is cancelled in between
    why = describe(thrown.code());
  } catch (const std::bad_alloc&) {
    why = "no memory";
  }
  co_return transient(about() + why);
}

asio::awaitable<result<response>> client::pool::ask_in_turn(const request& what) {
  const auto timeout = options_.timeout;
  const auto deadline = timeout.count() > 0 ? clock::now() + timeout : clock::time_point::max();
  if (const auto error = co_await take_place(deadline))
    co_return transient(describe(error));
  const lease mine{shared_from_this()};
  const loan handle{*this};
  auto& one = *handle.one;
  bool fresh = false;
  bool with_new_secret = false;
  for (;;) {
    if (const auto error = co_await run(one, what, fresh, deadline))
      co_return transient(describe(error));
    if (one.wants_a_fresh_connection() && !fresh) {
      fresh = true;
      continue;
    }
    auto answer = one.answer();
    if (!answer)
      co_return transient(one.why_none());
    if (answer->status != unauthorized || with_new_secret || !has_another_secret())
      co_return std::move(*answer);
    with_new_secret = true;
  }
}

asio::awaitable<error_code> client::pool::take_place(clock::time_point deadline) {
  if (in_use_ < options_.connections_max) {
    ++in_use_;
    co_return error_code{};
  }
  co_return co_await for_place_.wait(deadline);
}

/// Until it is over. Its time to connect and its whole time are ours: libcurl knows the system's time only.
asio::awaitable<error_code> client::pool::run(transfer& one, const request& what, bool fresh,
                                              clock::time_point deadline) {
  const auto where = co_await asio::this_coro::executor;
  asio::steady_timer news{where};
  bool waits_to_connect = false;
  one.prepare(what, secrets_, fresh, [&] {
    if (one.is_over() || waits_to_connect)
      news.cancel();
  });
  /// However it ends, also where the context goes first.
  struct finally {
    transfers& of;
    transfer& ended;
    ~finally() { of.remove(ended); }
  } const guard{under_way_, one};

  const auto connected_by = options_.connect_timeout.count() > 0
                                ? clock::now() + options_.connect_timeout
                                : clock::time_point::max();
  under_way_.begin(one, where);
  while (!one.is_over()) {
    waits_to_connect = !one.is_connected() && connected_by < deadline;
    const auto until = waits_to_connect ? connected_by : deadline;
    if (clock::now()
        >= until) // also before it begins to wait: its place may have come at the last moment
      co_return asio::error::timed_out;
    news.expires_at(for_asio(until));
    const alarm due{until, [&news] { news.cancel(); }};
    co_await news.async_wait(asio::as_tuple(asio::use_awaitable));
    if (one.is_over())
      break;
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
      co_return asio::error::operation_aborted;
  }
  co_return error_code{};
}

/// The server knows the secret no more: perhaps the file holds the next one.
bool client::pool::has_another_secret() {
  if (options_.login.file.empty())
    return false;
  auto now = secret_of(options_.login);
  if (!now || *now == secrets_.login)
    return false;
  secrets_.login = std::move(*now);
  return true;
}

} // namespace weir::http
