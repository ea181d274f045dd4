#include <weir/stages/items_in_hand.hpp>

#include <weir/stages/runner.hpp>
#include <weir/stages/worker.hpp>

#include <algorithm>
#include <utility>

namespace weir::internal {

namespace {

using state = item_in_hand::state;

/// Orders a heap: what is due first is in front, and of those that are due together what has waited longest, so that
/// an item that fails again at once holds up no other.
bool is_due_after(const item_in_hand* one, const item_in_hand* other) {
  return one->until != other->until ? one->until > other->until
                                    : one->waits_since > other->waits_since;
}

} // namespace

item_in_hand& items_in_hand::add(item_in_hand one, bool is_letter) {
  // Room for it to wait in is made now: later, when its run has failed, there may be no memory.
  if (const auto places = running_ + waiting_.size() + 1; waiting_.capacity() < places)
    waiting_.reserve(2 * places);
  return queues_[is_letter ? 1 : 0].emplace_back(std::move(one));
}

bool items_in_hand::full(const worker& self) const {
  const auto places = std::min<std::size_t>(self.options().in_flight_max, window_);
  return running_ + waiting_.size() >= places;
}

// --- what becomes of one -----------------------------------------------------------------------------

bool items_in_hand::may_begin(item_in_hand& one, const std::optional<suspect>& known,
                              worker& self) {
  if (self.permits().take(1, self.now()) == 0)
    return false;
  if (!self.suspicion().remains())
    return true;
  if (!held_back_) {
    one.entered = self.suspicion().enter(known && known->deaths > 0);
    held_back_ = !one.entered;
  }
  if (!one.entered)
    self.permits().give_back(1);
  return one.entered;
}

void items_in_hand::begins(item_in_hand& one, bool again, worker& self) {
  if (again)
    waits_no_more(one);
  one.earlier = last_running_;
  one.later = nullptr;
  (last_running_ != nullptr ? last_running_->later : first_running_) = &one;
  last_running_ = &one;
  ++running_;
  one.now = state::running;
  one.began = self.now();
  one.timed_out = false;
  one.until =
      self.options().timeout.count() > 0 ? self.now() + self.options().timeout : time_point::max();
}

void items_in_hand::leaves_running(item_in_hand& one) {
  (one.earlier != nullptr ? one.earlier->later : first_running_) = one.later;
  (one.later != nullptr ? one.later->earlier : last_running_) = one.earlier;
  one.earlier = one.later = nullptr;
  --running_;
}

void items_in_hand::not_running(item_in_hand& one, worker& self) {
  leaves_running(one);
  if (one.recorded)
    one.recorded.empty();
  if (std::exchange(one.entered, false))
    self.suspicion().leave();
}

void items_in_hand::run_ended(item_in_hand& one, worker& self) {
  not_running(one, self);
  if (how_.outside())
    self.counters().latency.add(self.now() - one.began);
  if (one.timed_out && one.run->failed)
    one.run->failed = how_.timed_out(*one.run, self.options().timeout);
}

void items_in_hand::succeeded(item_in_hand& one, worker& self) {
  one.now = state::succeeded;
  lines_.ended(one);
  self.hands().give_back(std::exchange(one.recorded, {}));
  if (window_ < self.options().in_flight_max)
    ++window_;
}

void items_in_hand::waits_to_run_again(item_in_hand& one, time_point until) {
  one.now = state::waiting_to_run_again;
  one.until = until;
  one.waits_since = ++waits_;
  waiting_.push_back(&one);
  std::ranges::push_heap(waiting_, is_due_after);
}

/// Requires that it is the first one that waits.
void items_in_hand::waits_no_more(item_in_hand& one) {
  std::ranges::pop_heap(waiting_, is_due_after);
  waiting_.pop_back();
  if (std::exchange(one.interrupted, false))
    --interrupted_;
}

void items_in_hand::first_waiting_ended(worker& self) {
  auto& one = *waiting_.front();
  waits_no_more(one);
  ended(one, self);
}

void items_in_hand::ended(item_in_hand& one, worker& self) {
  lines_.ended(one);
  self.hands().give_back(std::exchange(one.recorded, {}));
  one.now = state::ended;
}

// --- the clock ---------------------------------------------------------------------------------------

void items_in_hand::interrupt_all(worker& self) {
  for (auto& items : queues_)
    for (auto& one : items)
      if (one.now == state::running && how_.interrupt(*one.run))
        interrupt(one, self);
}

void items_in_hand::interrupt(item_in_hand& one, worker& self) {
  not_running(one, self);
  if (const auto failures = one.trouble.failures(); one.recorded && failures > 0)
    one.recorded.failed(one.from, failures);
  how_.let_go(*one.run);
  one.interrupted = true;
  ++interrupted_;
  waits_to_run_again(one, time_point::min()); // before what waits for anything else
}

bool items_in_hand::watch(item_in_hand& one, next_look& next, worker& self) {
  if (!one.timed_out && one.until <= self.now()) {
    one.timed_out = true;
    cancel(one, self.now());
  }
  if (!one.timed_out)
    next.not_after(one.until);
  const auto limit = self.options().item_time_max;
  if (limit.count() == 0)
    return false;
  const auto since = one.run->silent_since();
  if (!since)
    return false;
  if (*since + limit <= self.now())
    return abandon(one, self);
  next.not_after(*since + limit);
  return false;
}

void items_in_hand::cancel(item_in_hand& one, time_point now) {
  one.run->hurry(now);
  how_.cancel(one.run);
}

/// Leaves a run to itself; false if it has ended by now.
bool items_in_hand::abandon(item_in_hand& one, worker& self) {
  if (!one.run->abandon())
    return false;
  not_running(one, self);
  self.hands().give_back(std::exchange(one.recorded, {}));
  how_.let_go(*one.run);
  self.abandon(one.run);
  one.now = state::ended;
  return true;
}

// --- all of them -------------------------------------------------------------------------------------

void items_in_hand::stage_built() {
  if (std::exchange(built_before_, true))
    window_ = 1;
}

bool items_in_hand::forget_held_back() { return std::exchange(held_back_, false); }

void items_in_hand::cancel_all(worker& self) {
  for (auto* one = first_running_; one != nullptr; one = one->later)
    cancel(*one, self.now());
}

bool items_in_hand::quiet() const {
  for (const auto* one = first_running_; one != nullptr; one = one->later)
    if (!one->run->has_ended())
      return false;
  return true;
}

std::optional<time_point> items_in_hand::abandon_late(worker& self) {
  std::optional<time_point> next;
  const auto limit = self.options().item_time_max;
  if (limit.count() == 0)
    return next;
  for (auto *one = first_running_, *then = one; one != nullptr; one = then) {
    then = one->later;
    if (one->run->has_ended())
      continue;
    const auto end = one->run->silent_since().value_or(self.now()) + limit;
    if (end > self.now()
        || !abandon(*one, self)) // its item stays unsettled: the source delivers it again
      next = std::min(next.value_or(end), end);
  }
  return next;
}

void items_in_hand::abandon_all(worker& self) noexcept {
  for (auto *one = first_running_, *then = one; one != nullptr; one = then) {
    then = one->later;
    try {
      cancel(*one, self.now());
    } catch (...) { // no memory to ask for it: then it goes on to its end
    }
    try {
      abandon(*one, self);
    } catch (...) { // abandoned, and no memory to remember it
    }
  }
}

} // namespace weir::internal
