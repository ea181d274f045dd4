#pragma once

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
  /// Requests that are to be answered by what becomes of their events, and aren't yet.
  std::atomic<std::uint32_t> waiting_for_answers{0};
};

struct events_options {
  std::string listen = "127.0.0.1:0";  ///< "ADDRESS:PORT", loopback only; port 0: any free one
  std::string partition = "http";      ///< the name in positions
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
  /// Answers once the events are stored, not once they are admitted, where a request does not say which it wants.
  bool wait_for_stored = false;
  /// How long such an answer waits from the admission on before it is 504.
  std::chrono::milliseconds answer_within{30'000};
  /// Requests that wait so; further ones are answered 429 at once. A connection has one at a time, so that
  /// connections_max bounds them too.
  std::uint32_t waiting_for_answers_max = 1024;
};

} // namespace weir::http
