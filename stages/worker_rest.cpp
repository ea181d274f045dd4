#include <weir/dead_letters/replay_actor.hpp>
#include <weir/stages/worker.hpp>

#include <algorithm>
#include <utility>

// How a worker rests, and why; how its time is counted; and its end.

namespace weir::internal {

/// The letters of the held keys are at their bound: stops until there are fewer, or one is replayed.
std::optional<activity> worker::until_keys_change() {
  auto* const replays = stepper_->replays();
  const auto something_there = [&] {
    return replays != nullptr && replays->consumer_may_go_on() && !replays->drained();
  };
  if (replays != nullptr)
    replays->announce_consumer_waiting();
  if (letters_.keys()->call_when_changed(*this) && !something_there()) {
    services_.replays->recount(); // there may be fewer than it seems, as after a crash
    suspicion_.withdraw();
    return rest({}, waiting_as::keys);
  }
  if (replays != nullptr)
    replays->withdraw_consumer_waiting();
  return std::nullopt;
}

/// Stops until something changes, unless something has changed already.
std::optional<activity> worker::sleep_until(const slice_result& next) {
  if (letters_.keys() != nullptr && !input_ended_ && stepper_->only_replays_left()) {
    input_ended_ = true;
    services_.replays->input_ended(stage_);
  }
  std::vector<ring_base*> inputs;
  std::vector<ring_base*> outputs;
  if (next.for_input)
    stepper_->inputs(inputs);
  if (next.for_credit)
    stepper_->blocked_on(outputs);
  for (auto* one : inputs)
    one->announce_consumer_waiting();
  for (auto* one : outputs)
    one->announce_producer_waiting(next.credit);
  const bool changed =
      (next.for_keys && !letters_.keys()->call_when_changed(*this))
      || (next.for_input && stepper_->input_there()) || (next.credit > 0 && outputs.empty())
      || std::ranges::any_of(outputs, [](auto* one) { return one->producer_may_go_on(); });
  if (changed) {
    for (auto* one : inputs)
      one->withdraw_consumer_waiting();
    for (auto* one : outputs)
      one->withdraw_producer_waiting();
    return std::nullopt;
  }
  if (next.time == waiting_as::keys) {
    services_.replays->recount(); // there may be fewer than it seems, as after a crash
    suspicion_.withdraw();
  }
  return rest(next.until, why_waits(next));
}

/// A stepper that says no more than that it is blocked leaves the reason to be found here.
waiting_as worker::why_waits(const slice_result& next) const {
  if (next.time == waiting_as::busy)
    return waiting_as::in_hand;
  if (next.for_credit && next.time != waiting_as::idle)
    return waiting_as::credit;
  if (paused_)
    return waiting_as::paused;
  if (next.time != waiting_as::blocked)
    return next.time;
  if (suspicion_.remains())
    return waiting_as::suspects;
  if (next.until)
    return permits_.limited() && *next.until == permits_.next(now_) ? waiting_as::permit
                                                                    : waiting_as::retry;
  return letters_.all_stored() ? waiting_as::demand : waiting_as::letters;
}

void worker::wake_at(time_point when) noexcept {
  if (!wake_at_ || when < *wake_at_)
    wake_at_ = when;
}

activity worker::rest(std::optional<time_point> until, waiting_as how) {
  resting_as_ = how;
  doing_.begin(how, now_);
  if (wake_at_ && (!until || *wake_at_ < *until))
    until = wake_at_;
  return activity::asleep(until);
}

activity worker::finish() {
  has_had_its_last_turn();
  if (partitions_)
    source_ended();
  observer_.worker_finished(index_, std::nullopt);
  return activity::finished();
}

void worker::crashed(failure why) noexcept {
  stepper_->abandon_all(*this);
  has_had_its_last_turn();
  observer_.worker_finished(index_, std::move(why).within("worker '" + name() + "'"));
}

void worker::has_had_its_last_turn() noexcept {
  place_->ends->close();
  hands_.empty();
  suspicion_.over();
  doing_.begin(waiting_as::idle, now_);
  state_.store(state::finished);
}

void worker::account(waiting_as how) {
  const auto now = services_.node.now();
  const auto passed = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::nanoseconds{now - now_}.count()));
  now_ = now;
  const bool busy = how == waiting_as::busy || how == waiting_as::in_hand;
  auto& counter = busy                      ? counters_.busy_ns
                  : how == waiting_as::idle ? counters_.idle_ns
                                            : counters_.blocked_ns;
  worker_counters::add(counter, passed);
}

} // namespace weir::internal
