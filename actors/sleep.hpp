#pragma once

#include <weir/actors/clock.hpp>

#include <boost/asio/awaitable.hpp>

namespace weir {

/// A coroutine sleeps on the node's clock, so that virtual time reaches it. Cancelled, the sleep throws
/// boost::system::system_error(operation_aborted), as Asio does.
boost::asio::awaitable<void> sleep_until(clock::time_point when);
boost::asio::awaitable<void> sleep_for(clock::duration time);

} // namespace weir
