#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

namespace weir {

/// How often something may happen. `per` is longer than 0.
struct rate_limit {
  std::uint32_t permits = 0; ///< per `per`; 0: no limit
  std::chrono::milliseconds per{1000};
  std::uint32_t burst = 1; ///< permits that may have gathered while nothing happened
};

/// A token bucket, as the generic cell rate algorithm: in *any* window of length w at most
/// burst + ⌈w · permits / per⌉ permits are given, not only in windows that start on the second.
///
/// A new bucket is empty, so that a restart doesn't buy a burst.
/// Owner: any thread; time is an argument.
class token_bucket {
public:
  using time_point = std::chrono::steady_clock::time_point;

  token_bucket(rate_limit limit, time_point now);

  bool limited() const noexcept { return limit_.permits != 0; }

  /// Takes up to `wanted` permits and returns how many it got.
  std::uint64_t take(std::uint64_t wanted, time_point now);

  /// Gives permits back that were taken and not used.
  void give_back(std::uint64_t unused);

  /// When the next permit will be there. Not later than `now` if one is.
  time_point next(time_point now) const;

private:
  // Nanoseconds times permits outgrow 64 bits after some minutes.
  __extension__ using wide = __int128;

  wide tokens_at(time_point now) const; // requires lock_

  const rate_limit limit_;
  mutable std::mutex lock_;
  // Permits are counted exactly: `given_` since `start_`, in whole numbers, so that no rounding adds up.
  time_point start_;
  wide given_ = 0;
};

} // namespace weir
