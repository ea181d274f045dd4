#pragma once

#include <weir/actors/token_bucket.hpp>

#include <cstdint>

namespace weir::internal {

/// What one worker takes of the permits that its stage shares. It knows under which limit it took the last ones, so that
/// what it gives back after a change of the limit is forfeited.
/// Owner: the worker's turns.
class permit_holder {
public:
  using time_point = token_bucket::time_point;

  explicit permit_holder(token_bucket& shared) : shared_{shared} {}

  bool limited() const noexcept { return shared_.limited(); }

  /// Takes up to `wanted` permits and returns how many it got.
  std::uint64_t take(std::uint64_t wanted, time_point now) {
    const auto got = shared_.grant(wanted, now);
    taken_under_ = got.limit;
    return got.count;
  }
  /// Gives back some of those that it took last.
  void give_back(std::uint64_t unused) {
    if (taken_under_ != 0 && unused != 0)
      shared_.give_back({.count = unused, .limit = taken_under_});
  }
  /// When the next permit will be there. Not later than `now` if one is.
  time_point next(time_point now) const { return shared_.next(now); }

private:
  token_bucket& shared_;
  std::uint64_t taken_under_ = 0; // see permit_grant::limit
};

} // namespace weir::internal
