#include <weir/actors/driven.hpp>
#include <weir/actors/runtime_engine.hpp>

namespace weir::internal {

bool driven::wait_until_finished(runtime_engine& engine, std::optional<time_point> deadline) {
  std::unique_lock lock{lock_};
  return engine.wait(lock, ended_, deadline, [this] { return finished_; });
}

activity driven::turn() noexcept {
  activity next;
  try {
    next = who_.turn();
  } catch (...) {
    crashed();
    next = activity::finished();
  }
  if (next.what == activity::kind::again)
    who_.wake();
  return next;
}

void driven::crashed() noexcept { who_.crashed(describe_current_exception()); }

void driven::finished() noexcept {
  const std::lock_guard lock{lock_};
  finished_ = true;
  ended_.notify_all();
  who_.behind_last_turn(); // under the lock: whoever joins it may destroy it
}

} // namespace weir::internal
