#include <weir/connectors/http/client.hpp>

#include <weir/actors/virtual_time.hpp>
#include <weir/connectors/http/retry_after.hpp>
#include <weir/connectors/http/time.hpp>
#include <weir/supervision/retry.hpp>

#include <algorithm>
#include <list>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <unistd.h>

namespace weir::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using beast::error_code;

namespace {

constexpr std::size_t read_bytes = 64 * 1024; // as much as Beast reads at a time
constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);

struct connection {
  connection(const asio::any_io_executor& where, std::size_t buffer_max)
      : stream{where}, buffer{buffer_max} {}

  beast::tcp_stream stream;
  beast::flat_buffer buffer;
};

/// Ends at some time what goes on on a connection. It closes it: where one operation has ended and the next one has
/// not begun, there is nothing to cancel.
class time_limit {
public:
  time_limit(beast::tcp_stream& stream, clock::time_point when)
      : due_{when, [this, &stream] {
               over_ = true;
               stream.close();
             }} {
    stream.expires_at(for_asio(when)); // the end of time is never
  }

  bool over() const { return over_; }
  /// What an operation on it failed with.
  error_code why(const error_code& error) const {
    return over_ && error ? error_code{beast::error::timeout} : error;
  }

private:
  bool over_ = false;
  const alarm due_;
};

/// An idle connection: a bare descriptor, so that it is tied to no context and a client may outlive them all.
class idle_connection {
public:
  idle_connection(connection&& from, clock::time_point now)
      : protocol_{from.stream.socket().local_endpoint().protocol()},
        descriptor_{from.stream.socket().release()},
        since_{now} {}
  idle_connection(idle_connection&& other) noexcept
      : protocol_{other.protocol_},
        descriptor_{std::exchange(other.descriptor_, -1)},
        since_{other.since_} {}
  idle_connection& operator=(idle_connection&& other) noexcept {
    std::swap(protocol_, other.protocol_);
    std::swap(descriptor_, other.descriptor_);
    std::swap(since_, other.since_);
    return *this;
  }
  ~idle_connection() {
    if (descriptor_ >= 0)
      ::close(descriptor_);
  }

  clock::time_point since() const { return since_; }
  void resume(connection& as) {
    as.stream.socket().assign(protocol_, descriptor_);
    descriptor_ = -1;
  }

private:
  tcp protocol_;
  int descriptor_;
  clock::time_point since_;
};

/// Coroutines that wait for something that another one, or a handler, will bring about.
class waiting_line {
public:
  std::size_t size() const { return line_.size(); }

  /// Lets the first go on; false if there is none.
  bool release_first() {
    if (line_.empty())
      return false;
    line_.front()->released = true;
    line_.front()->timer.cancel();
    line_.pop_front();
    return true;
  }

  /// Returns success when released, operation_aborted when cancelled, timed_out at `deadline`.
  asio::awaitable<error_code> wait(clock::time_point deadline) {
    const auto where = co_await asio::this_coro::executor;
    place mine{*this, asio::steady_timer{where, for_asio(deadline)}};
    const alarm due{deadline, [&mine] { mine.timer.cancel(); }};
    line_.push_back(&mine);
    const auto [ended] = co_await mine.timer.async_wait(no_throw);
    if (mine.released)
      co_return error_code{};
    co_return clock::now() >= deadline ? error_code{asio::error::timed_out} : ended;
  }

private:
  struct place {
    waiting_line& line;
    asio::steady_timer timer;
    bool released = false;
    ~place() {
      if (!released)
        line.line_.remove(this);
    }
  };

  std::list<place*> line_;
};

/// Was a kept connection closed by the other side before it took the request?
bool is_stale(const error_code& why) {
  return why == beast::http::error::end_of_stream || why == asio::error::eof
         || why == asio::error::connection_reset || why == asio::error::broken_pipe
         || why == asio::error::connection_aborted;
}

bool is_status(unsigned status) { return status >= 100 && status <= 599; }

bool is_timeout(const error_code& why) {
  return why == beast::error::timeout || why == asio::error::timed_out;
}

} // namespace

class client::pool : public std::enable_shared_from_this<pool> {
public:
  pool(client_options options, url base)
      : options_{std::move(options)},
        base_{std::move(base)},
        origin_{"http://" + base_.authority()},
        header_{" HTTP/1.1\r\nHost: " + base_.authority()
                + "\r\nUser-Agent: weir\r\nAccept: */*\r\n\r\n"} {}

  static asio::awaitable<result<response>> get(std::shared_ptr<pool> here, std::string target);

  std::size_t in_use() const { return in_use_; }
  std::size_t waiting() const { return for_connection_.size(); }

private:
  using parser = beast::http::response_parser<beast::http::string_body>;

  /// The right to have a connection, until the end of the scope.
  struct lease {
    std::shared_ptr<pool> from;
    explicit lease(std::shared_ptr<pool> here) : from{std::move(here)} {}
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() {
      if (!from->for_connection_.release_first()) // else the place is theirs now
        --from->in_use_;
    }
  };

  asio::awaitable<error_code> ask(std::string request, clock::time_point deadline,
                                  std::optional<parser>& answer);
  asio::awaitable<error_code> take_place(clock::time_point deadline);
  bool resume_idle(connection& as);
  asio::awaitable<error_code> connect(connection& one, clock::time_point deadline);
  asio::awaitable<error_code> resolve(clock::time_point deadline);
  asio::awaitable<error_code> exchange(connection& one, const std::string& request,
                                       std::optional<parser>& answer, bool& something_came);
  static response response_of(parser& answer);
  static std::string status_line(const parser& answer);
  std::string describe(const error_code& why) const;

  const client_options options_;
  const url base_;
  const std::string origin_;
  const std::string header_;

  std::uint32_t in_use_ = 0;
  waiting_line for_connection_;
  std::vector<idle_connection> idle_; // at most connections_max - in_use_

  std::vector<tcp::endpoint> endpoints_; // of the host; empty: not known
  bool resolving_ = false;
  error_code resolve_error_;
  waiting_line for_endpoints_;
};

client::client(client_options options) {
  auto base = parse_url(options.base_url);
  if (!base)
    throw std::invalid_argument{base.error().message()};
  if (options.connections_max == 0)
    throw std::invalid_argument{"connections_max of an HTTP client must be at least 1, not 0"};
  for (auto* one :
       {&options.timeout, &options.connect_timeout}) // what ends after it has to have a time
    *one = std::min<std::chrono::milliseconds>(*one, duration_max);
  pool_ = std::make_shared<pool>(std::move(options), std::move(*base));
}

asio::awaitable<result<response>> client::get(std::string_view target) const {
  return pool::get(pool_, std::string{target});
}

std::size_t client::in_use() const { return pool_->in_use(); }
std::size_t client::waiting() const { return pool_->waiting(); }

asio::awaitable<result<response>> client::pool::get(std::shared_ptr<pool> here,
                                                    std::string target) {
  const auto address = here->origin_ + here->base_.path + target;
  const bool joins = target.empty() || target.starts_with('?') || target.starts_with('/');
  if (!joins || std::ranges::any_of(target, [](char c) { return c <= ' ' || c > '~'; }))
    co_return poison("the target '" + target
                     + "' must begin with '/' or '?' and be percent-encoded");
  auto path = here->base_.path + target;
  if (!path.starts_with('/'))
    path.insert(0, "/");
  const auto timeout = here->options_.timeout;
  const auto deadline = timeout.count() > 0 ? clock::now() + timeout : clock::time_point::max();
  error_code why;
  try {
    std::optional<parser> answer;
    why = co_await here->ask("GET " + path + here->header_, deadline, answer);
    if (!why && is_status(answer->get().result_int()))
      co_return response_of(*answer);
    if (!why)
      co_return transient("GET " + address
                          + ": the answer has no status of 100 to 599: " + status_line(*answer));
  } catch (const boost::system::system_error& thrown) { // as Asio does what is cancelled in between
    why = thrown.code();
  }
  co_return transient("GET " + address + ": " + here->describe(why));
}

asio::awaitable<error_code> client::pool::ask(std::string request, clock::time_point deadline,
                                              std::optional<parser>& answer) {
  const auto where = co_await asio::this_coro::executor;
  if (const auto error = co_await take_place(deadline))
    co_return error;
  const lease mine{shared_from_this()};
  for (;;) {
    connection one{where, options_.header_max + read_bytes};
    const bool was_idle = resume_idle(one);
    if (!was_idle)
      if (const auto error = co_await connect(one, deadline))
        co_return error;
    const time_limit limit{one.stream, deadline};
    bool something_came = false;
    const auto error = limit.why(co_await exchange(one, request, answer, something_came));
    if (!error && !limit.over() && answer->keep_alive() && one.buffer.size() == 0
        && is_status(answer->get().result_int()))
      idle_.emplace_back(std::move(one), clock::now());
    if (!error || !was_idle || something_came || !is_stale(error))
      co_return error;
    idle_.clear(); // the server was probably started anew: they are stale too
  }
}

asio::awaitable<error_code> client::pool::take_place(clock::time_point deadline) {
  if (in_use_ < options_.connections_max) {
    ++in_use_;
    co_return error_code{};
  }
  co_return co_await for_connection_.wait(deadline);
}

bool client::pool::resume_idle(connection& as) {
  const auto oldest = clock::now() - options_.idle_max;
  std::erase_if(idle_, [&](const auto& one) { return one.since() < oldest; });
  if (idle_.empty())
    return false;
  idle_.back().resume(as);
  idle_.pop_back();
  return true;
}

asio::awaitable<error_code> client::pool::connect(connection& one, clock::time_point deadline) {
  const auto until = std::min(deadline, clock::now() + options_.connect_timeout);
  if (const auto error = co_await resolve(until))
    co_return error;
  const auto endpoints = endpoints_; // another request may resolve the name anew meanwhile
  error_code last = asio::error::host_not_found;
  for (const auto& endpoint : endpoints) {
    const time_limit limit{one.stream, until};
    const auto [ended] = co_await one.stream.async_connect(endpoint, no_throw);
    const auto error = last = limit.over() ? error_code{beast::error::timeout} : error_code{ended};
    if (!error) {
      error_code ignored;
      one.stream.socket().set_option(tcp::no_delay{true}, ignored);
      co_return error_code{};
    }
    if (error == asio::error::operation_aborted || is_timeout(error))
      break;
    one.stream.close();
  }
  if (last != asio::error::operation_aborted)
    endpoints_.clear(); // perhaps it has moved: the next one asks for the name again
  co_return last;
}

/// Looks the name up once for all who need it. The look-up itself can't be cancelled, so each only waits for it.
asio::awaitable<error_code> client::pool::resolve(clock::time_point deadline) {
  if (!endpoints_.empty())
    co_return error_code{};
  error_code no_address;
  const auto address = asio::ip::make_address(base_.host, no_address);
  if (!no_address) {
    endpoints_.emplace_back(address, base_.port);
    co_return error_code{};
  }
  if (!resolving_) {
    resolving_ = true;
    const auto resolver = std::make_shared<tcp::resolver>(co_await asio::this_coro::executor);
    resolver->async_resolve(base_.host, std::to_string(base_.port),
                            [self = shared_from_this(),
                             resolver](error_code error, const tcp::resolver::results_type& found) {
                              self->resolving_ = false;
                              self->resolve_error_ = error;
                              self->endpoints_.clear();
                              for (const auto& one : found)
                                self->endpoints_.push_back(one.endpoint());
                              while (self->for_endpoints_.release_first())
                                ;
                            });
  }
  if (const auto error = co_await for_endpoints_.wait(deadline))
    co_return error;
  co_return resolve_error_;
}

asio::awaitable<error_code> client::pool::exchange(connection& one, const std::string& request,
                                                   std::optional<parser>& answer,
                                                   bool& something_came) {
  {
    const auto [error, bytes] =
        co_await asio::async_write(one.stream, asio::buffer(request), no_throw);
    if (error)
      co_return error;
  }
  do {
    answer.emplace();
    answer->header_limit(options_.header_max);
    answer->body_limit(options_.body_max);
    const auto [error, bytes] =
        co_await beast::http::async_read(one.stream, one.buffer, *answer, no_throw);
    something_came = something_came || bytes > 0 || one.buffer.size() > 0;
    if (error)
      co_return error;
  } while (answer->get().result_int() / 100
           == 1); // "100 Continue" and its like: the answer follows
  co_return error_code{};
}

response client::pool::response_of(parser& answer) {
  auto& message = answer.get();
  const auto header = [&](beast::http::field name) {
    const auto value = message[name];
    return std::string_view{value.data(), value.size()};
  };
  return {.status = message.result_int(),
          .body = std::move(message.body()),
          .content_type = std::string{header(beast::http::field::content_type)},
          .retry_after = retry_after(header(beast::http::field::retry_after), clock::wall())};
}

/// As the peer sent it, but for what is long or not to be shown.
std::string client::pool::status_line(const parser& answer) {
  constexpr std::size_t reason_max = 80;
  const auto& message = answer.get();
  const auto status = std::to_string(message.result_int());
  auto reason = std::string{message.reason()}.substr(0, reason_max);
  if (reason == beast::http::obsolete_reason(message.result())) // Beast's, for want of one
    reason.clear();
  std::ranges::replace_if(
      reason, [](char c) { return c < ' ' || c > '~'; }, '?');
  return "'HTTP/" + std::to_string(message.version() / 10) + '.'
         + std::to_string(message.version() % 10) + ' ' + std::string(3 - status.size(), '0')
         + status + (reason.empty() ? "" : " ") + reason + "'";
}

std::string client::pool::describe(const error_code& why) const {
  if (why == asio::error::operation_aborted)
    return "cancelled";
  if (is_timeout(why))
    return "timed out";
  if (why == beast::http::error::end_of_stream)
    return "the connection was closed without an answer";
  if (why == beast::http::error::partial_message)
    return "the connection was closed in the middle of the answer";
  if (why == beast::http::error::body_limit)
    return "the answer is longer than " + std::to_string(options_.body_max) + " bytes";
  if (why == beast::http::error::header_limit || why == beast::http::error::buffer_overflow)
    return "the header of the answer is longer than " + std::to_string(options_.header_max)
           + " bytes";
  const error_code any_http_error = beast::http::error::end_of_stream;
  if (why.category() == any_http_error.category())
    return "the answer is no HTTP: " + why.message();
  return why.message();
}

} // namespace weir::http
