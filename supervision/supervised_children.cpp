#include <weir/mailbox/require.hpp>
#include <weir/supervision/supervised_children.hpp>

#include <algorithm>
#include <utility>

namespace weir::internal {

using std::chrono::milliseconds;

supervised_children::place supervised_children::known(child_key child) {
  const auto found = all_.find(child);
  require(found != all_.end(), "supervisor_state: this child is not known");
  return found;
}

supervised_children::place supervised_children::add(child_key child, child_spec spec) {
  const auto [added, is_new] = all_.try_emplace(child);
  require(is_new, "supervisor_state: a child is added under a new key");
  added->second.spec = std::move(spec);
  return added;
}

void supervised_children::forget(place child) {
  require(child->second.now == child_now::down,
          "supervisor_state: only a child that is down may be removed");
  all_.erase(child);
}

std::map<child_key, child_spec> supervised_children::take_specs() {
  std::map<child_key, child_spec> specs;
  for (auto& [key, one] : all_)
    if (one.after != then::forgotten)
      specs.emplace_hint(specs.end(), key, std::move(one.spec));
  all_.clear();
  return specs;
}

void supervised_children::move(supervised_child& one, child_now to,
                               std::optional<started_for> why) {
  tally_.take(one);
  one.now = to;
  one.why = to == child_now::running ? started_for::restart : why.value_or(one.why);
  tally_.put(one);
}

void supervised_children::is_running(place child, time_point now) {
  child->second.since = now;
  move(child->second, child_now::running);
}

// --- stopping ----------------------------------------------------------------------------------------

void supervised_children::queue_stops(const std::vector<place>& group, then after, time_point now) {
  std::vector<stop_schedule::claim> claims;
  claims.reserve(group.size());
  for (const auto& one : group)
    claims.push_back({one->first, one->second.time_to_stop().value_or(milliseconds{0})});
  for (const auto& stopped : group) {
    auto& one = stopped->second;
    one.after = after == then::restart ? after : one.after_the_end();
    move(one, child_now::stopping);
  }
  stops_.queue(claims, now);
}

void supervised_children::stop(place child, then after, time_point now, supervisor_steps& steps) {
  child->second.after = after;
  move(child->second, child_now::stopping);
  tell(child, now, steps);
}

void supervised_children::kill_stopping(time_point now, supervisor_steps& steps) {
  for (auto one = all_.end(); one != all_.begin();) {
    --one;
    if (one->second.now == child_now::stopping && !stops_.is_killed(one->first))
      kill(one, now, steps);
  }
}

void supervised_children::stop_due(time_point now, supervisor_steps& steps) {
  while (const auto next = stops_.next(now)) {
    const auto child = known(next->child);
    if (next->what == supervisor_step::kind::stop) {
      tell(child, now, steps);
    } else if (next->what == supervisor_step::kind::kill) {
      kill(child, now, steps);
    } else {
      steps.push_back(*next);
      gone(child, now);
    }
  }
}

void supervised_children::tell(place child, time_point now, supervisor_steps& steps) {
  const auto& one = child->second;
  const auto way = one.way_to_stop();
  if (way.how == shutdown::kind::brutal_kill) {
    kill(child, now, steps);
    return;
  }
  const bool limited = way.how == shutdown::kind::within;
  const bool is_barrier =
      !limited && order_ == child_order::one_by_one && !one.time_to_stop().has_value();
  stops_.told(child->first, limited ? std::optional{way.time} : std::nullopt, is_barrier, now);
  steps.push_back({supervisor_step::kind::stop, child->first});
}

void supervised_children::kill(place child, time_point now, supervisor_steps& steps) {
  stops_.killed(child->first, child->second.spec.type, now);
  steps.push_back({supervisor_step::kind::kill, child->first});
}

void supervised_children::gone(place child, time_point now) {
  auto& one = child->second;
  stops_.gone(child->first, now);
  move(one, child_now::down);
  const bool temporary = one.spec.restart == restart::temporary;
  if (one.after == then::restart && !temporary)
    wait_for_start(child, one.why, one.due);
  else if (temporary || one.after == then::forgotten)
    all_.erase(child);
}

// --- starting ----------------------------------------------------------------------------------------

void supervised_children::wait_for_start(place child, started_for why, time_point due) {
  auto& one = child->second;
  move(one, child_now::restarting, why);
  one.due = due;
  if (why == started_for::all)
    starts_.wait_first(child->first, due);
  else
    starts_.wait(child->first, due);
}

void supervised_children::withdraw_start(place child) {
  starts_.forget(child->first);
  move(child->second, child_now::down);
}

void supervised_children::postpone_start(place child, time_point due) {
  starts_.forget(child->first);
  wait_for_start(child, started_for::restart, std::max(child->second.due, due));
}

void supervised_children::start(place child, time_point now, supervisor_steps& steps) {
  auto& one = child->second;
  starts_.forget(child->first);
  if (one.why == started_for::restart)
    ++one.restarts;
  one.since = now;
  // Workers of a pipeline have no start function: they are there when they are told to be.
  move(one, one.spec.start ? child_now::starting : child_now::running);
  steps.push_back({supervisor_step::kind::start, child->first});
}

void supervised_children::start_anew(place child, started_for why, time_point now,
                                     supervisor_steps& steps) {
  child->second.why = why;
  start(child, now, steps);
}

void supervised_children::start_due(time_point now, supervisor_steps& steps) {
  if (grouped_ && !stops_.empty())
    return;
  if (grouped_ && order_ == child_order::one_by_one) {
    if (tally_.any_starting())
      return;
    if (const auto next = starts_.first_in_order(); next && next->due <= now)
      start(known(next->child), now, steps);
    return;
  }
  auto ready = starts_.due(now);
  if (const auto first = starts_.first_of_all(); first && !tally_.any_first_starting())
    ready.push_back(*first);
  std::ranges::sort(ready);
  for (const auto child : ready)
    start(known(child), now, steps);
}

// --- what is known -----------------------------------------------------------------------------------

std::optional<time_point> supervised_children::next_due() const {
  const auto stop = stops_.next_due();
  if (grouped_ && !stops_.empty())
    return stop; // nothing can be started before all have stopped
  std::optional<time_point> start;
  if (!grouped_ || order_ == child_order::at_once)
    start = starts_.next_due();
  else if (const auto first = starts_.first_in_order(); first && !tally_.any_starting())
    start = first->due;
  if (!stop || !start)
    return stop ? stop : start;
  return std::min(*stop, *start);
}

std::optional<milliseconds> supervised_children::stop_time() const {
  std::vector<stop_schedule::claim> claims;
  for (const auto& [key, one] : all_) {
    if (!one.alive())
      continue;
    const auto time = one.time_to_stop();
    if (!time)
      return std::nullopt;
    claims.push_back({key, *time, one.way_to_stop().how == shutdown::kind::infinite});
  }
  return stops_.time_for(claims);
}

} // namespace weir::internal
