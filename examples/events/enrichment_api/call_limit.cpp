#include "call_limit.hpp"

namespace enrichment_api {

namespace {

constexpr std::int64_t one_token = 1'000'000'000;

} // namespace

call_limit::call_limit(std::int64_t rate, std::int64_t burst, time_point now)
    : rate_{rate}, burst_{burst}, balance_{burst * one_token}, filled_at_{now} {}

std::chrono::nanoseconds call_limit::take(time_point now) {
  const auto full = burst_ * one_token;
  const auto missing = full - balance_;
  const auto elapsed = std::chrono::nanoseconds{now - filled_at_}.count();
  // Compared before it is multiplied: after a long pause the product would overflow.
  balance_ = elapsed > missing / rate_ ? full : balance_ + elapsed * rate_;
  filled_at_ = now;

  if (balance_ >= one_token) {
    balance_ -= one_token;
    return std::chrono::nanoseconds::zero();
  }
  return std::chrono::nanoseconds{(one_token - balance_ + rate_ - 1) / rate_};
}

} // namespace enrichment_api
