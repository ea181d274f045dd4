#pragma once

#include <weir/actors/token_bucket.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <memory>

namespace weir {

/// Permits for coroutines: a token bucket that is waited for in the order of arrival.
///
/// Owner: the thread of one I/O context. Copies share everything.
/// Invariants: what token_bucket says, over all copies; nobody overtakes; who stops waiting takes no permit
/// and holds nobody up.
class rate_limiter {
public:
  explicit rate_limiter(rate_limit limit);

  /// Waits for a permit. Cancelled, it throws boost::system::system_error(operation_aborted), as Asio does.
  boost::asio::awaitable<void> acquire() const;

  /// Gives no permits before `when`: the other side asked for it (`Retry-After`). An earlier pause is made
  /// longer, never shorter.
  void pause_until(std::chrono::steady_clock::time_point when) const;

  /// How many wait.
  std::size_t waiting() const;

private:
  struct shared;
  static boost::asio::awaitable<void> acquire_from(std::shared_ptr<shared> here);

  std::shared_ptr<shared> shared_;
};

} // namespace weir
