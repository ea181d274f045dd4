#include <weir/stages/late_answer.hpp>

#include <weir/stages/item_run.hpp>
#include <weir/stages/sink.hpp>

#include <utility>

namespace weir::internal {

late_answer::~late_answer() = default;

template <class Write>
void late_answer::settle(Write write) noexcept {
  const std::lock_guard lock{lock_};
  if (now_ != state::in_call && now_ != state::open)
    return;
  try {
    write();
  } catch (...) { // no memory
    of_.failed = describe_current_exception();
  }
  if (now_ == state::in_call) {
    now_ = state::settled_in_call;
    return;
  }
  now_ = state::over;
  of_.ends();
}

void late_answer::is_stored(batch_outcome outcome) noexcept {
  settle([&] { write(std::move(outcome)); });
}

void late_answer::has_failed(failure why) noexcept {
  settle([&] { of_.failed = std::move(why); });
}

void late_answer::is_dropped() noexcept {
  settle([&] { of_.failed = transient("the sink dropped its settlement"); });
}

void late_answer::call_returned() noexcept {
  const std::lock_guard lock{lock_};
  if (now_ == state::in_call) {
    now_ = state::open;
    return;
  }
  now_ = state::over;
  of_.ends_in_turn();
}

void late_answer::call_failed(failure why) noexcept {
  const std::lock_guard lock{lock_};
  of_.failed = std::move(why);
  now_ = state::over;
  of_.ends_in_turn();
}

bool late_answer::expires() noexcept {
  const std::lock_guard lock{lock_};
  if (now_ == state::over)
    return false;
  now_ = state::over;
  expired_ = true;
  of_.failed.emplace(); // its words are the worker's
  of_.ends();
  return true;
}

bool late_answer::has_expired() const noexcept {
  const std::lock_guard lock{lock_};
  return expired_;
}

} // namespace weir::internal
