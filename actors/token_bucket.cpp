#include <weir/actors/token_bucket.hpp>
#include <weir/mailbox/require.hpp>

#include <algorithm>

namespace weir::internal {

token_bucket::token_bucket(rate_limit limit, time_point now)
    : limited_{limit.permits != 0}, limit_{checked(limit)}, start_{now} {}

rate_limit token_bucket::checked(rate_limit limit) {
  require(limit.permits == 0 || limit.per.count() > 0,
          "token_bucket: a limit needs a time that its permits are for");
  limit.burst = std::max(1U, limit.burst);
  return limit;
}

rate_limit token_bucket::limit() const {
  const std::lock_guard lock{lock_};
  return limit_;
}

void token_bucket::change(rate_limit limit, time_point now) {
  limit = checked(limit);
  const std::lock_guard lock{lock_};
  if (limit == limit_)
    return;
  wide given = 0;
  std::int64_t due = 0; // nanoseconds that count already towards the next permit
  if (limit_.permits != 0 && limit.permits != 0) {
    given = -std::min<wide>(tokens_at(now), std::min(limit.burst, limit_.burst));
    // The share that is due, in parts of a permit's time, is the same under both limits.
    const auto elapsed = std::max<std::int64_t>(0, (now - start_).count());
    const wide per = std::chrono::nanoseconds{limit_.per}.count();
    const auto part = static_cast<wide>(elapsed) * limit_.permits % per; // of `per`
    const auto share = static_cast<double>(part) / static_cast<double>(per);
    const auto interval = static_cast<double>(std::chrono::nanoseconds{limit.per}.count())
                          / static_cast<double>(limit.permits);
    // It is rounded down, and is less than a whole permit.
    due = static_cast<std::int64_t>(share * interval * (1 - 1e-12));
  }
  limit_ = limit;
  start_ = now - std::chrono::nanoseconds{due};
  given_ = given;
  ++limits_;
  limited_.store(limit.permits != 0, std::memory_order_relaxed);
}

/// Permits that have become due since start_, less those given. When more than a burst have gathered, what is
/// beyond it is forfeited: that is done where they are taken.
token_bucket::wide token_bucket::tokens_at(time_point now) const {
  const auto elapsed = std::max<std::int64_t>(0, (now - start_).count());
  const auto per = std::chrono::nanoseconds{limit_.per}.count();
  return static_cast<wide>(elapsed) * limit_.permits / per - given_;
}

permit_grant token_bucket::grant(std::uint64_t wanted, time_point now) {
  if (!limited())
    return {.count = wanted};
  const std::lock_guard lock{lock_};
  if (limit_.permits == 0) // it was lifted just now
    return {.count = wanted};
  auto there = tokens_at(now);
  const wide burst = limit_.burst;
  if (there > burst) {
    given_ += there - burst; // what is beyond the burst is forfeited
    there = burst;
  }
  const auto taken = std::min(wanted, static_cast<std::uint64_t>(std::max<wide>(there, 0)));
  given_ += taken;
  return {.count = taken, .limit = limits_};
}

void token_bucket::give_back(permit_grant unused) {
  const std::lock_guard lock{lock_};
  if (unused.limit == limits_)
    given_ -= unused.count;
}

void token_bucket::give_back(std::uint64_t unused) {
  if (!limited())
    return;
  const std::lock_guard lock{lock_};
  if (limit_.permits != 0)
    given_ -= unused;
}

token_bucket::time_point token_bucket::next(time_point now) const {
  if (!limited())
    return now;
  const std::lock_guard lock{lock_};
  if (limit_.permits == 0 || tokens_at(now) > 0)
    return now;
  const auto per = std::chrono::nanoseconds{limit_.per}.count();
  const auto permits = static_cast<wide>(limit_.permits);
  const auto due = (given_ + 1) * per;
  return start_
         + std::chrono::nanoseconds{static_cast<std::int64_t>((due + permits - 1) / permits)};
}

} // namespace weir::internal
