#include <weir/actors/sleep.hpp>
#include <weir/actors/virtual_time.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace weir {

namespace asio = boost::asio;

asio::awaitable<void> sleep_until(clock::time_point when) {
  asio::steady_timer timer{co_await asio::this_coro::executor};
  const alarm due{when, [&timer] { timer.cancel(); }};
  timer.expires_at(virtual_time::here() != nullptr ? clock::time_point::max() : when);
  while (clock::now() < when) {
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error{asio::error::operation_aborted};
  }
}

asio::awaitable<void> sleep_for(clock::duration time) { return sleep_until(clock::now() + time); }

} // namespace weir
