#include <weir/actors/supervisor_outbox.hpp>
#include <weir/mailbox/require.hpp>

namespace weir::internal {

void supervisor_outbox::send(std::unique_lock<std::mutex>& lock,
                             const std::function<void(const child_event&)>& report) {
  require(lock.owns_lock(), "supervisor_outbox: it is sent by whoever holds the lock");
  while (!empty()) {
    const auto events = std::exchange(events_, {});
    auto answers = std::exchange(answers_, {});
    auto dropped = std::exchange(dropped_, {});
    lock.unlock();
    for (const auto& one : events)
      try {
        report(one);
      } catch (...) { // see Failure
      }
    for (auto& [who, what] : answers)
      try {
        who(std::move(what));
      } catch (...) { // see Failure
      }
    dropped.clear();
    lock.lock();
  }
}

} // namespace weir::internal
