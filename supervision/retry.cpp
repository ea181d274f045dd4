#include <weir/supervision/retry.hpp>

#include <algorithm>
#include <cmath>

namespace weir {

std::chrono::nanoseconds backoff::delay(std::uint32_t n, double random) const {
  using nanoseconds = std::chrono::duration<double, std::nano>;
  if (delay_min.count() <= 0)
    return std::chrono::nanoseconds{0}; // nothing grows to nothing, not to 0 · ∞
  const auto most = nanoseconds{std::min<std::chrono::milliseconds>(delay_max, longest)}.count();
  // Beyond 1000 doublings the power is infinite, which `min` turns into the longest delay.
  const auto grown = nanoseconds{delay_min}.count()
                     * std::pow(factor, std::min<std::uint32_t>(n > 0 ? n - 1 : 0, 1000));
  const auto plain = std::min(grown, most);
  const auto shifted = plain * (1.0 + jitter * (2.0 * random - 1.0));
  return std::chrono::nanoseconds{static_cast<std::int64_t>(std::clamp(shifted, 0.0, most))};
}

std::chrono::nanoseconds retry_policy::delay(std::uint32_t failed_runs, double random) const {
  if (failed_runs <= immediate)
    return std::chrono::nanoseconds{0};
  return delays().delay(failed_runs - immediate, random);
}

} // namespace weir

namespace weir::internal {

answer answer_to(failure_kind kind, std::uint32_t attempts, const retry_policy& policy) {
  const bool used_up = policy.attempts != unlimited && attempts >= policy.attempts;
  switch (kind) {
  case failure_kind::transient:
    return used_up ? answer::dead_letter : answer::retry;
  case failure_kind::poison:
    return answer::dead_letter;
  case failure_kind::fatal:
    break;
  }
  return used_up ? answer::dead_letter_and_restart : answer::restart;
}

} // namespace weir::internal
