#include <weir/connectors/http/server.hpp>

#include <weir/actors/virtual_time.hpp>
#include <weir/connectors/http/answers.hpp>
#include <weir/connectors/http/body.hpp>
#include <weir/connectors/http/time.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <future>
#include <list>
#include <optional>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace weir::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using beast::error_code;
using beast::http::field;
using beast::http::verb;

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t read_bytes = 64 * 1024; // as much as Beast reads at a time
constexpr std::chrono::seconds write_timeout{30};
// A connection that is closed with something unread is reset, and the answer with it: so what still comes is
// read and thrown away, for a while.
constexpr std::chrono::seconds linger_time{1};
constexpr std::size_t linger_bytes = 1024 * 1024;

using parser = beast::http::request_parser<beast::http::string_body>;

/// Closes a connection after some time, unless it is destroyed before.
class time_limit {
public:
  time_limit(beast::tcp_stream& stream, clock::duration time)
      : due_{clock::now() + time, [&stream] { stream.close(); }} {
    stream.expires_at(for_asio(clock::now() + time)); // the end of time is never
  }

private:
  const alarm due_;
};

/// Until that time, or until the timer is cancelled; whoever waits keeps it alive.
asio::awaitable<void> wait_until(asio::steady_timer& timer, clock::time_point when) {
  timer.expires_at(for_asio(when));
  const alarm due{when, [&timer] { timer.cancel(); }};
  co_await timer.async_wait(no_throw);
}

/// Is the answer to wait until the events are settled? Nothing, if the query says something else.
std::optional<bool> waits_until_settled(std::string_view query, bool if_not_said) {
  while (!query.empty()) {
    const auto one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(one.size() + 1, query.size()));
    if (one == "wait=stored")
      if_not_said = true;
    else if (one == "wait=admitted")
      if_not_said = false;
    else if (one == "wait" || one.starts_with("wait="))
      return std::nullopt;
  }
  return if_not_said;
}

/// As long as it lives, one more is counted.
class counted {
public:
  explicit counted(std::atomic<std::uint32_t>& count) : count_{count} { ++count_; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { --count_; }

private:
  std::atomic<std::uint32_t>& count_;
};

/// What to say about a request that can't be read; nothing if its sender just went away.
std::optional<answer> answer_to(const error_code& why, const events_options& options) {
  if (why == beast::http::error::header_limit || why == beast::http::error::buffer_overflow)
    return problem(431,
                   "the header is larger than " + std::to_string(options.header_max) + " bytes");
  if (why == beast::http::error::body_limit)
    return problem(413, "the body is larger than " + std::to_string(options.body_max) + " bytes");
  const error_code any_http_error = beast::http::error::end_of_stream;
  if (why.category() != any_http_error.category() || why == beast::http::error::end_of_stream
      || why == beast::http::error::partial_message)
    return std::nullopt;
  return problem(400, "this is no HTTP: " + why.message());
}

/// "ADDRESS:PORT", loopback only: who can reach the port may send events.
result<tcp::endpoint> endpoint_of(const std::string& text) {
  const auto colon = text.rfind(':');
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  if (host == "localhost")
    host = "127.0.0.1";
  std::uint16_t port = 0;
  error_code no_address;
  const auto address = asio::ip::make_address(host, no_address);
  const auto* const end = text.data() + text.size();
  const bool has_port = colon != std::string::npos && colon + 1 < text.size();
  const auto [stopped, error] = has_port
                                    ? std::from_chars(text.data() + colon + 1, end, port)
                                    : std::from_chars_result{nullptr, std::errc::invalid_argument};
  if (no_address || error != std::errc{} || stopped != end)
    return fatal("can't listen on '" + text + "': expected ADDRESS:PORT, as in 127.0.0.1:8080");
  if (!address.is_loopback())
    return fatal("can't listen on '" + text
                 + "': only loopback addresses, as there is no authentication");
  return tcp::endpoint{address, port};
}

} // namespace

class server::listener : public std::enable_shared_from_this<listener> {
public:
  listener(asio::io_context& io, events_options options, std::shared_ptr<admission> into)
      : io_{io},
        options_{std::move(options)},
        admission_{std::move(into)},
        acceptor_{io},
        place_free_{io} {}

  result<void> listen(const tcp::endpoint& where);
  void start() { asio::co_spawn(io_, accept(shared_from_this()), asio::detached); }
  void stop();
  std::uint16_t port() const { return port_; }

private:
  /// A connection while it is served.
  struct served {
    std::shared_ptr<listener> by;
    beast::tcp_stream stream;
    beast::flat_buffer buffer;
    std::optional<time_limit> limit; // of what goes on now
    bool answering = false;          // a request was read, and its answer isn't written yet
    std::list<served*>::iterator place{};

    served(std::shared_ptr<listener> server, tcp::socket socket);
    served(const served&) = delete;
    served& operator=(const served&) = delete;
    ~served();
  };

  static asio::awaitable<void> accept(std::shared_ptr<listener> self);
  static asio::awaitable<void> serve(std::shared_ptr<listener> self, tcp::socket socket);
  /// Whether the connection may be used again.
  asio::awaitable<bool> serve_one(served& one);
  asio::awaitable<answer> take_events(parser& request, bool until_settled);
  asio::awaitable<bool> send(served& one, answer what, parser& request);
  static asio::awaitable<void> linger(served& one);

  asio::io_context& io_;
  const events_options options_;
  const std::shared_ptr<admission> admission_;
  std::uint16_t port_ = 0;
  // Of the context's thread.
  tcp::acceptor acceptor_;
  asio::steady_timer place_free_; // cancelled when a connection ends
  std::list<served*> connections_;
  bool stopped_ = false;
};

result<std::unique_ptr<server>> server::start(asio::io_context& io, events_options options,
                                              std::shared_ptr<admission> into, std::uint16_t port) {
  auto where = endpoint_of(options.listen);
  if (!where)
    return std::move(where.error());
  if (where->port() == 0)
    where->port(port);
  auto made = std::make_shared<listener>(io, std::move(options), std::move(into));
  if (auto listening = made->listen(*where); !listening)
    return std::move(listening.error());
  made->start();
  return std::unique_ptr<server>{new server{std::move(made)}};
}

server::~server() { listener_->stop(); }

std::uint16_t server::port() const { return listener_->port(); }

result<void> server::listener::listen(const tcp::endpoint& where) {
  error_code error;
  const auto attempt = [&](auto step) {
    if (!error)
      step();
  };
  attempt([&] { acceptor_.open(where.protocol(), error); });
  attempt([&] { acceptor_.set_option(tcp::acceptor::reuse_address{true}, error); });
  attempt([&] { acceptor_.bind(where, error); });
  attempt([&] { acceptor_.listen(asio::socket_base::max_listen_connections, error); });
  attempt([&] { port_ = acceptor_.local_endpoint(error).port(); });
  if (error)
    return fatal("can't listen on " + where.address().to_string() + ":"
                 + std::to_string(where.port()) + ": " + error.message());
  return {};
}

void server::listener::stop() {
  const auto close = [this] {
    stopped_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    place_free_.cancel();
    for (auto* one : connections_)
      if (!one->answering) // else it is closed by `serve`
        one->stream.close();
  };
  if (virtual_time::here() != nullptr) // where everything is on this thread, the context too
    return close();
  std::promise<void> closed;
  asio::post(io_, [&] {
    close();
    closed.set_value();
  });
  closed.get_future().wait();
}

server::listener::served::served(std::shared_ptr<listener> server, tcp::socket socket)
    : by{std::move(server)},
      stream{std::move(socket)},
      buffer{by->options_.header_max + read_bytes},
      place{by->connections_.insert(by->connections_.end(), this)} {
  error_code ignored;
  stream.socket().set_option(tcp::no_delay{true}, ignored);
  ++by->options_.state->connections;
}

server::listener::served::~served() {
  by->connections_.erase(place);
  by->place_free_.cancel();
  --by->options_.state->connections;
}

asio::awaitable<void> server::listener::accept(std::shared_ptr<listener> self) {
  while (!self->stopped_) {
    if (self->connections_.size() >= self->options_.connections_max) {
      co_await wait_until(self->place_free_, clock::time_point::max());
      continue;
    }
    auto [error, socket] = co_await self->acceptor_.async_accept(no_throw);
    if (!error) {
      asio::co_spawn(self->io_, serve(self, std::move(socket)), asio::detached);
    } else if (!self->stopped_) { // no descriptors left, say
      co_await wait_until(self->place_free_, clock::now() + std::chrono::milliseconds{100});
    }
  }
}

asio::awaitable<void> server::listener::serve(std::shared_ptr<listener> self, tcp::socket socket) {
  served one{std::move(self), std::move(socket)};
  while (co_await one.by->serve_one(one))
    one.answering = false;
  co_await linger(one);
}

asio::awaitable<bool> server::listener::serve_one(served& one) {
  if (one.buffer.size() == 0) {
    one.limit.emplace(one.stream, options_.idle_timeout);
    const auto [error, bytes] =
        co_await one.stream.async_read_some(one.buffer.prepare(read_bytes / 16), no_throw);
    if (error)
      co_return false;
    one.buffer.commit(bytes);
  }
  parser request;
  request.header_limit(options_.header_max);
  request.body_limit(options_.body_max);
  one.limit.emplace(one.stream, options_.request_timeout);
  {
    const auto [error, bytes] =
        co_await beast::http::async_read_header(one.stream, one.buffer, request, no_throw);
    if (error) {
      if (auto said = answer_to(error, options_)) {
        said->keep_alive(false);
        co_await send(one, std::move(*said), request);
      }
      co_return false;
    }
  }
  // Whoever is between us and the sender may have read its end from another header.
  if (request.get().find(field::transfer_encoding) != request.get().end() && !request.chunked()) {
    auto said = problem(400, "the only transfer encoding is chunked");
    said.keep_alive(false);
    co_return co_await send(one, std::move(said), request);
  }
  const auto target = request.get().target();
  const auto path = std::string_view{target.data(), target.size()}.substr(0, target.find('?'));
  const auto query = std::string_view{target.data(), target.size()}.substr(
      std::min(path.size() + 1, target.size()));
  const auto method = request.get().method();
  if (path == "/healthz") {
    if (method != verb::get && method != verb::head)
      co_return co_await send(one, wrong_method("GET, HEAD"), request);
    if (admission_->closed())
      co_return co_await send(one, draining("the pipeline takes no events now"), request);
    co_return co_await send(one, json(200, R"({"status": "ok"})"), request);
  }
  if (path != "/events")
    co_return co_await send(one, problem(404, "there is POST /events and GET /healthz"), request);
  if (method != verb::post)
    co_return co_await send(one, wrong_method("POST"), request);
  const auto waits = waits_until_settled(query, options_.wait_for_stored);
  if (!waits)
    co_return co_await send(one, problem(400, "wait is 'stored' or 'admitted'"), request);
  if (admission_->closed())
    co_return co_await send(one, draining("the pipeline takes no events now"), request);

  if (beast::iequals(request.get()[field::expect], "100-continue")) {
    const std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto [error, bytes] =
        co_await asio::async_write(one.stream, asio::buffer(go_on), no_throw);
    if (error)
      co_return false;
  }
  {
    const auto [error, bytes] =
        co_await beast::http::async_read(one.stream, one.buffer, request, no_throw);
    if (error) {
      if (auto said = answer_to(error, options_)) {
        said->keep_alive(false);
        co_await send(one, std::move(*said), request);
      }
      co_return false;
    }
  }
  one.limit.reset();
  one.answering = true;
  auto said = co_await take_events(request, *waits);
  co_return co_await send(one, std::move(said), request);
}

asio::awaitable<answer> server::listener::take_events(parser& request, bool until_settled) {
  const auto type = request.get()[field::content_type];
  auto events =
      events_in(request.get().body(), {type.data(), type.size()}, options_.request_events_max);
  request.get().body() = {};
  const auto count = events.size();
  if (count == 0)
    co_return problem(400, "there is no event in the body");
  if (count > options_.request_events_max)
    co_return problem(413, "more than " + std::to_string(options_.request_events_max) + " events");

  auto& shown = *options_.state;
  std::optional<counted> waits_for_answer;
  if (until_settled) {
    if (shown.waiting_for_answers >= options_.waiting_for_answers_max)
      co_return too_busy("too many requests wait for their answers already");
    waits_for_answer.emplace(shown.waiting_for_answers);
  }
  // The timer's life is longer than this coroutine's if the context goes first.
  const auto timer = std::make_shared<asio::steady_timer>(io_);
  const auto no_later = clock::now() + options_.admission_wait;
  const auto waiting = admission_->offer(std::move(events), until_settled, [timer, &io = io_] {
    asio::post(io, [timer] { timer->cancel(); });
  });
  if (!waiting)
    co_return too_busy("too many requests wait already");
  auto now = admission_->look_at(*waiting);
  if (now.state == admission::state::waiting || now.state == admission::state::begun) {
    const counted waits_for_credit{shown.waiting};
    co_await wait_until(*timer, no_later);
    now = admission_->withdraw(waiting, false);
    if (now.state == admission::state::begun) {
      co_await wait_until(*timer, clock::now() + options_.completion_wait);
      now = admission_->withdraw(waiting, true);
    }
  }
  if (until_settled && now.state != admission::state::refused) {
    const auto answer_by = clock::now() + options_.answer_within;
    // What is left of an earlier wait may end this one early.
    while (now.state == admission::state::admitted && clock::now() < answer_by) {
      co_await wait_until(*timer, answer_by);
      now = admission_->look_at(*waiting);
    }
    co_return answer_of(admission_->forget(*waiting), options_.partition);
  }
  if (now.state == admission::state::admitted)
    co_return json(202, R"({"admitted": )" + std::to_string(count) + "}");
  if (now.put > 0)
    co_return draining("only the first events were admitted; send the others again",
                       R"(, "admitted": )" + std::to_string(now.put));
  if (admission_->closed())
    co_return draining("the pipeline takes no events now");
  co_return too_busy("the pipeline has no room; none of the events was admitted");
}

asio::awaitable<bool> server::listener::send(served& one, answer what, parser& request) {
  one.answering = true;
  const bool reusable =
      what.keep_alive() && request.is_done() && request.get().keep_alive() && !stopped_;
  what.version(request.get().version());
  what.keep_alive(reusable);
  if (request.get().method() == verb::head)
    what.body().clear();
  what.prepare_payload();
  one.limit.emplace(one.stream, write_timeout);
  const auto [error, bytes] = co_await beast::http::async_write(one.stream, what, no_throw);
  co_return !error && reusable && !stopped_;
}

asio::awaitable<void> server::listener::linger(served& one) {
  error_code gone;
  one.stream.socket().shutdown(tcp::socket::shutdown_send, gone);
  std::array<char, 4096> ignored{};
  one.limit.emplace(one.stream, linger_time);
  for (std::size_t read = 0; !gone && read < linger_bytes;) {
    const auto [error, bytes] =
        co_await one.stream.async_read_some(asio::buffer(ignored), no_throw);
    gone = error;
    read += bytes;
  }
}

} // namespace weir::http
