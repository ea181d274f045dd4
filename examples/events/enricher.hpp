#pragma once

#include "event.hpp"
#include "lookup_cache.hpp"

#include <weir/actors/rate_limiter.hpp>
#include <weir/connectors/http.hpp>
#include <weir/supervision/failure.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

/// The stage that asks the API about an event's key.
///
/// Answers are cached; several events of one key in flight make one call. Permits are taken for calls only, so
/// that what the cache knows costs none; a 429 pauses all calls for as long as the API asked.
/// Failures: as those of weir::http::json_get; an answer that is no JSON object is transient too.
/// Owner: the node's I/O thread. Copies share everything.
class enricher {
public:
  struct options {
    std::string url;          ///< "http[s]://host:port/path"; asked as "url?key=…"
    std::uint32_t rate = 500; ///< calls a second
    std::uint32_t burst = 10; ///< calls that may go out at once after a pause
    std::uint32_t connections_max = 50;
    std::chrono::milliseconds timeout{2000}; ///< of one call; waiting for permits does not count
    std::uint32_t cache_entries = 100'000;
    std::chrono::milliseconds cache_lifetime{300'000};
  };

  explicit enricher(options chosen);

  boost::asio::awaitable<weir::result<event>> operator()(event one) const;

private:
  struct shared;
  std::shared_ptr<shared> shared_;
};
