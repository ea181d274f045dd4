#include <weir/dead_letters/store_trouble.hpp>
#include <weir/supervision/retry.hpp>

#include <utility>

namespace weir::internal {

void store_trouble::say(std::string what) {
  const std::lock_guard lock{lock_};
  text_ = std::move(what);
}

std::string store_trouble::text() const {
  const std::lock_guard lock{lock_};
  return text_;
}

void store_trouble::put_off(std::uint32_t refusals) {
  retry_at_ = node_.now() + backoff{}.delay(refusals, node_.random());
}

} // namespace weir::internal
