#pragma once

#include <weir/actors/clock.hpp>
#include <weir/actors/virtual_time.hpp>
#include <weir/connectors/http/time.hpp>

#include <cstddef>
#include <functional>
#include <list>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir::http {

/// Coroutines that wait for something that another one will bring about, in the order of arrival.
///
/// Owner: the thread of one I/O context.
class waiting_line {
public:
  /// `unused` is called for who was released and goes before it could go on.
  explicit waiting_line(std::function<void()> unused) : unused_{std::move(unused)} {}

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
  boost::asio::awaitable<boost::system::error_code> wait(clock::time_point deadline) {
    namespace asio = boost::asio;
    const auto where = co_await asio::this_coro::executor;
    place mine{*this, asio::steady_timer{where, for_asio(deadline)}};
    const alarm due{deadline, [&mine] { mine.timer.cancel(); }};
    line_.push_back(&mine);
    const auto [ended] = co_await mine.timer.async_wait(asio::as_tuple(asio::use_awaitable));
    mine.goes_on = true;
    if (mine.released)
      co_return boost::system::error_code{};
    co_return clock::now() >= deadline ? boost::system::error_code{asio::error::timed_out} : ended;
  }

private:
  struct place {
    waiting_line& line;
    boost::asio::steady_timer timer;
    bool released = false;
    bool goes_on = false;
    ~place() {
      if (!released)
        line.line_.remove(this);
      else if (!goes_on)
        line.unused_();
    }
  };

  const std::function<void()> unused_;
  std::list<place*> line_;
};

} // namespace weir::http
