#include <weir/actors/rate_limiter.hpp>
#include <weir/actors/virtual_time.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <list>
#include <utility>

namespace weir {

namespace asio = boost::asio;

/// Only the first in the line looks at the bucket; the others sleep until they are first.
struct rate_limiter::shared {
  explicit shared(rate_limit limit) : bucket{limit, clock::now()} {}

  bool take(clock::time_point now) { return now >= paused_until && bucket.take(1, now) == 1; }
  clock::time_point next(clock::time_point now) const {
    return std::max(paused_until, bucket.next(now));
  }
  void wake_first() {
    if (!line.empty())
      line.front()->cancel();
  }

  internal::token_bucket bucket;
  clock::time_point paused_until = clock::time_point::min();
  std::list<asio::steady_timer*> line;
};

rate_limiter::rate_limiter(rate_limit limit) : shared_{std::make_shared<shared>(limit)} {}

asio::awaitable<void> rate_limiter::acquire() const { return acquire_from(shared_); }

asio::awaitable<void> rate_limiter::acquire_from(std::shared_ptr<shared> here) {
  if (here->line.empty() && here->take(clock::now()))
    co_return;

  asio::steady_timer timer{co_await asio::this_coro::executor};
  struct place_in_line {
    shared& where;
    std::list<asio::steady_timer*>::iterator mine;
    ~place_in_line() {
      const bool was_first = mine == where.line.begin();
      where.line.erase(mine);
      if (was_first)
        where.wake_first();
    }
  };
  const place_in_line place{*here, here->line.insert(here->line.end(), &timer)};

  for (;;) {
    auto next = clock::time_point::max();
    if (place.mine == here->line.begin()) {
      const auto now = clock::now();
      if (here->take(now))
        co_return;
      next = here->next(now);
    }
    const alarm due{next, [&timer] { timer.cancel(); }};
    timer.expires_at(virtual_time::here() != nullptr ? clock::time_point::max() : next);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    const auto cancelled = co_await asio::this_coro::cancellation_state;
    if (cancelled.cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error{asio::error::operation_aborted};
  }
}

void rate_limiter::pause_until(clock::time_point when) const {
  shared_->paused_until = std::max(shared_->paused_until, when);
  shared_->wake_first(); // it waits for its permit now, perhaps not long enough
}

std::size_t rate_limiter::waiting() const { return shared_->line.size(); }

} // namespace weir
