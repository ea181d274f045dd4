#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace weir {

/// How often something may happen. `per` is longer than 0.
struct rate_limit {
  std::uint32_t permits = 0; ///< per `per`; 0: no limit
  std::chrono::milliseconds per{1000};
  std::uint32_t burst = 1; ///< permits that may have gathered while nothing happened

  bool operator==(const rate_limit&) const = default;
};

} // namespace weir

namespace weir::internal {

/// Permits that were taken together, under one limit.
struct permit_grant {
  std::uint64_t count = 0;
  std::uint64_t limit =
      0; ///< which of the bucket's limits they were taken under; 0: there was none
};

/// A token bucket, as the generic cell rate algorithm: in *any* window of length w at most
/// burst + ⌈w · permits / per⌉ permits are given, not only in windows that start on the second.
///
/// A new bucket is empty, so that a restart doesn't buy a burst. The limit may be changed; what is said of windows
/// holds for each limit over the windows within its life.
/// Owner: any thread; time is an argument.
class token_bucket {
public:
  using time_point = std::chrono::steady_clock::time_point;

  token_bucket(rate_limit limit, time_point now);

  bool limited() const noexcept { return limited_.load(std::memory_order_relaxed); }
  /// The limit in force.
  rate_limit limit() const;

  /// From now on another limit is in force. A permit that had gathered stays, as far as the new burst has room for it,
  /// and so does the share of the next one that has become due: nothing is gained by a change. Behind no limit
  /// the bucket is empty.
  void change(rate_limit limit, time_point now);

  /// Takes up to `wanted` permits and returns how many it got.
  std::uint64_t take(std::uint64_t wanted, time_point now) { return grant(wanted, now).count; }
  /// The same, for who may give some of them back after the limit has changed.
  permit_grant grant(std::uint64_t wanted, time_point now);

  /// Gives permits back that were taken and not used. What was taken under another limit than that in force is
  /// forfeited.
  void give_back(permit_grant unused);
  /// Gives back what was taken under the limit in force.
  void give_back(std::uint64_t unused);

  /// When the next permit will be there. Not later than `now` if one is.
  time_point next(time_point now) const;

private:
  // Nanoseconds times permits outgrow 64 bits after some minutes.
  __extension__ using wide = __int128;

  static rate_limit checked(rate_limit limit);
  wide tokens_at(time_point now) const; // requires lock_, and a limit

  std::atomic<bool> limited_;
  mutable std::mutex lock_; // guards what follows
  rate_limit limit_;
  std::uint64_t limits_ = 1; // that there were
  // Permits are counted exactly: `given_` since `start_`, in whole numbers, so that no rounding adds up.
  time_point start_;
  wide given_ = 0;
};

} // namespace weir::internal
