#pragma once

#include <chrono>
#include <cstdint>

namespace enrichment_api {

/// The server's own limit on calls: a bucket of `burst` tokens, filled by `rate` tokens a second; a call takes
/// one. In any second it lets through at most rate + burst calls.
///
/// Written apart from weir's own token bucket on purpose: it is what checks that one.
class call_limit {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Starts full. Requires 1 <= rate <= 1,000,000 and 1 <= burst <= 1,000,000.
  call_limit(std::int64_t rate, std::int64_t burst, time_point now);

  /// Takes a token and answers zero, or takes none and answers the time until there is one.
  std::chrono::nanoseconds take(time_point now);

private:
  const std::int64_t rate_;  // tokens per second
  const std::int64_t burst_; // tokens
  // In thousand-millionths of a token: a nanosecond brings exactly `rate_` of them, so nothing is rounded.
  std::int64_t balance_;
  time_point filled_at_;
};

} // namespace enrichment_api
