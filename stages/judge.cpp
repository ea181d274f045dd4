#include <weir/stages/judge.hpp>

#include <algorithm>

namespace weir::internal {

using namespace std::chrono_literals;

namespace {

/// Where the other side said that it is asked too much, no retry comes at once, nor before the back-off's minimum, nor
/// before the time that it named.
std::chrono::nanoseconds delay_when_busy(const retry_policy& policy, std::uint32_t failed_runs,
                                         double random, std::chrono::milliseconds asked_for) {
  const auto run = failed_runs > policy.immediate ? failed_runs - policy.immediate : 1;
  const auto least = std::max(std::min(policy.delay_min, policy.delay_max), asked_for);
  return std::max<std::chrono::nanoseconds>(
      policy.delays().delay(run, random),
      std::clamp<std::chrono::milliseconds>(least, 0ms, backoff::longest));
}

} // namespace

verdict judge::decide(const failure& why, item_trouble& trouble, std::uint64_t item_id,
                      time_point began, time_point now, bool again) {
  count(why, trouble);
  verdict made{.what = answer_to(why.kind, trouble.attempts, retry_)};
  if (!again && made.what == answer::retry)
    made.what = answer::dead_letter;
  if (!again && made.what == answer::restart)
    made.what = answer::dead_letter_and_restart;
  blame_for(why, item_id, began, now, again, made);
  if (made.what == answer::dead_letter && made.charge > 0)
    made.what = answer::dead_letter_and_restart;
  // Nothing of the user's can fail here, so there is no store; but copying an item can, or making room for it.
  if (services_.dead_letters == nullptr && again && made.what != answer::retry) {
    made.what = answer::restart;
    made.charge = std::max(made.charge, 1U);
  }
  if (made.what == answer::retry) {
    const auto random = services_.node.random();
    made.delay = why.retry_after
                     ? delay_when_busy(retry_, trouble.attempts, random, *why.retry_after)
                     : retry_.delay(trouble.attempts, random);
  }
  return made;
}

/// An item that uses up its attempts may not be at fault: nothing may succeed now. Runs that went on side by side
/// with the one that was blamed last don't say more than that one: they did not fail in a row.
void judge::blame_for(const failure& why, std::uint64_t item_id, time_point began, time_point now,
                      bool again, verdict& made) {
  if (made.what == answer::retry || why.kind == failure_kind::poison || began < blamed_at_)
    return;
  made.charge = blame_.failed(item_id);
  blamed_at_ = now;
  // An item that is never dead-lettered would be forgiven for ever.
  if (made.charge == 0 && again && retry_.attempts == unlimited)
    made.charge = 1;
}

void judge::count(const failure& why, item_trouble& trouble) {
  worker_counters::add(counters_.failed, 1);
  if (trouble.attempts++ == 0)
    trouble.first_failed_at = services_.node.wall_clock();
  remember(why);
}

void judge::remember(const failure& why) {
  const std::lock_guard lock{lock_};
  last_failure_ = why.message();
}

std::string judge::last_failure() const {
  const std::lock_guard lock{lock_};
  return last_failure_;
}

} // namespace weir::internal
