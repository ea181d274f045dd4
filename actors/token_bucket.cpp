#include <weir/actors/token_bucket.hpp>
#include <weir/mailbox/require.hpp>

#include <algorithm>

namespace weir {

token_bucket::token_bucket(rate_limit limit, time_point now)
    : limit_{.permits = limit.permits, .per = limit.per, .burst = std::max(1U, limit.burst)},
      start_{now} {
  require(limit.permits == 0 || limit.per.count() > 0,
          "token_bucket: a limit needs a time that its permits are for");
}

/// Permits that have become due since start_, less those given. When more than a burst have gathered, what is
/// beyond it is forfeited: that is done where they are taken.
token_bucket::wide token_bucket::tokens_at(time_point now) const {
  const auto elapsed = std::max<std::int64_t>(0, (now - start_).count());
  const auto per = std::chrono::nanoseconds{limit_.per}.count();
  return static_cast<wide>(elapsed) * limit_.permits / per - given_;
}

std::uint64_t token_bucket::take(std::uint64_t wanted, time_point now) {
  if (!limited())
    return wanted;
  const std::lock_guard lock{lock_};
  auto there = tokens_at(now);
  const wide burst = limit_.burst;
  if (there > burst) {
    given_ += there - burst; // what is beyond the burst is forfeited
    there = burst;
  }
  const auto taken = std::min(wanted, static_cast<std::uint64_t>(std::max<wide>(there, 0)));
  given_ += taken;
  return taken;
}

void token_bucket::give_back(std::uint64_t unused) {
  if (!limited())
    return;
  const std::lock_guard lock{lock_};
  given_ -= unused;
}

token_bucket::time_point token_bucket::next(time_point now) const {
  if (!limited())
    return now;
  const std::lock_guard lock{lock_};
  if (tokens_at(now) > 0)
    return now;
  const auto per = std::chrono::nanoseconds{limit_.per}.count();
  const auto permits = static_cast<wide>(limit_.permits);
  const auto due = (given_ + 1) * per;
  return start_
         + std::chrono::nanoseconds{static_cast<std::int64_t>((due + permits - 1) / permits)};
}

} // namespace weir
