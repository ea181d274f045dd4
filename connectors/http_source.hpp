#pragma once

#include <weir/actors/context.hpp>
#include <weir/actors/source.hpp>
#include <weir/connectors/text_event.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace weir::http {

/// What a server shows of itself. Any thread.
struct listener_state {
  std::atomic<std::uint16_t> port{0}; ///< once it listens
  std::atomic<std::uint32_t> connections{0};
  std::atomic<std::uint32_t> waiting{0}; ///< requests that wait for credit
};

struct events_options {
  std::string listen = "127.0.0.1:0";  ///< "ADDRESS:PORT", loopback only; port 0: any free one
  std::string partition = "http";           ///< the name in positions
  std::uint64_t resume_after = 0;      ///< events are numbered from the next on
  std::uint32_t connections_max = 128; ///< further ones wait to be accepted
  /// Requests that wait for credit; further ones are answered 429 at once.
  std::uint32_t waiting_max = 64;
  std::uint32_t request_events_max = 1000;
  std::uint64_t body_max = std::uint64_t{1} << 20U; ///< bytes
  std::uint32_t header_max = 16 * 1024;             ///< bytes
  /// How long a request waits for credit before it is answered 429.
  std::chrono::milliseconds admission_wait{1000};
  /// How long a request of which the first events are admitted waits for the rest before it is answered 503.
  std::chrono::milliseconds completion_wait{30'000};
  std::chrono::milliseconds request_timeout{10'000}; ///< from a request's first byte to its last
  std::chrono::milliseconds idle_timeout{60'000};    ///< between requests
  std::shared_ptr<listener_state> state = {};        ///< for who wants to look
};

/// A source that is an HTTP server: `POST /events` takes one event, or one a line.
///
/// | answer | when                                                                                      |
/// |--------|-------------------------------------------------------------------------------------------|
/// | 202    | every event of the request is admitted                                                    |
/// | 429    | there was no credit for so long, or too many requests wait; none of its events is admitted |
/// | 503    | the pipeline drains or restarts, or credit ended halfway; then "admitted" in the answer    |
/// |        | says how many of its events, from the first on, are admitted                               |
/// | 400, 404, 405, 413, 431 | it is no such request, or too large                                      |
///
/// A body is read by lines; blank ones don't count. Only with the content type application/json, and if not
/// every line stands in braces, all of it is one event: a JSON text that was printed over several lines.
/// `GET /healthz` is answered 200, or 503 while the pipeline drains. Errors are application/problem+json.
///
/// It never ends by itself. Owner: its worker; the server runs on the node's I/O thread, and is closed with this.
/// Bounded: connections_max · (body_max + header_max), and as much again for what waits.
/// Failure: fatal, if it can't listen.
class events {
public:
  using output = text_event;

  explicit events(events_options options);

  const std::string& partition() const { return options_.partition; }
  std::uint64_t resume_after() const { return options_.resume_after; }

  result<void> on_start(context& where);
  source_state poll(intake<text_event>& in, context& where);

private:
  class session;

  events_options options_;
  std::shared_ptr<session> session_; // of the copy that works
};

} // namespace weir::http
