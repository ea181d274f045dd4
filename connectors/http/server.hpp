#pragma once

#include <weir/connectors/http/admission.hpp>
#include <weir/connectors/http/events_options.hpp>
#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace weir::http {

/// The server behind the source: see events for what it answers.
///
/// Owner: anybody starts and stops it; it works on the thread of its I/O context, which must run.
/// Invariants: once destroyed, it listens no more, and what is left of it calls nothing but its admission.
class server {
public:
  /// Requires options.state. Listens on options.listen; where that leaves the port open, on `port`, or if that is 0, on any free one.
  static result<std::unique_ptr<server>> start(boost::asio::io_context& io, events_options options,
                                               std::shared_ptr<admission> into, std::uint16_t port);
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  /// Stops listening, and closes the connections; those with a request that was read still get their answer,
  /// so the admission must be closed. Not on the context's thread, which it waits for, unless time is virtual.
  ~server();

  std::uint16_t port() const;

private:
  class listener;
  explicit server(std::shared_ptr<listener> listening) : listener_{std::move(listening)} {}

  const std::shared_ptr<listener> listener_; // shared with what runs on the context
};

} // namespace weir::http
