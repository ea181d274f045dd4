#include <weir/connectors/http/answer_failure.hpp>

#include <chrono>
#include <string>

namespace weir::http {

std::optional<failure> failure_of(const response& got, std::string_view about) {
  const auto status = got.status;
  if (status / 100 == 2)
    return std::nullopt;
  const auto why = std::string{about} + ": answered " + std::to_string(status);
  const bool busy = status == 429 || status == 503;
  const bool may_succeed_later = busy || status == 408 || status == 425 || status / 100 == 5;
  if (!may_succeed_later)
    return poison(why);
  if (busy || got.retry_after)
    return transient(why, got.retry_after.value_or(std::chrono::milliseconds{0}));
  return transient(why);
}

} // namespace weir::http
