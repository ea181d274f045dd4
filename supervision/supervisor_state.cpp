#include <weir/supervision/supervisor_state.hpp>

#include <algorithm>
#include <utility>

namespace weir {

using std::chrono::milliseconds;

supervisor_state::supervisor_state(supervision_options options, auto_shutdown ends)
    : options_{options},
      ends_{ends},
      order_{options.strategy == strategy::dynamic ? order::at_once : order::one_by_one},
      window_{options.intensity, options.period} {}

supervisor_state::supervisor_state(supervision_options options, std::vector<child_spec> children)
    : options_{options},
      ends_{auto_shutdown::never},
      order_{order::at_once},
      window_{options.intensity, options.period} {
  for (auto& spec : children) {
    auto& one = children_[children_.size()];
    one.spec = std::move(spec);
    if (!one.spec.shutdown)
      one.spec.shutdown = shutdown::infinite(); // a worker has an item in hand: it is never killed
    move(one, child_now::running);
  }
}

/// Do restarts concern children beside the one that ended?
bool supervisor_state::ordered() const {
  return options_.strategy == strategy::one_for_all || options_.strategy == strategy::rest_for_one;
}

/// Does a child stay known while it is down?
bool supervisor_state::is_kept(const child_spec& spec) const {
  return spec.restart != restart::temporary && options_.strategy != strategy::dynamic;
}

shutdown supervisor_state::time_of(const child_spec& spec) const {
  return spec.shutdown.value_or(shutdown::usual(spec.type));
}

/// How long it may take to stop; nothing if that has no limit.
std::optional<milliseconds> supervisor_state::bound(const child_state& one) const {
  const auto time = time_of(one.spec);
  if (time.how != shutdown::kind::infinite)
    return time.time;
  const bool was_there = one.why == started_for::restart;
  if (one.spec.shutdown || !one.spec.stop_time || !was_there)
    return std::nullopt;
  return one.spec.stop_time();
}

void supervisor_state::move(child_state& one, child_now to, std::optional<started_for> why) {
  const auto is_alive = [](child_now state) {
    return state == child_now::starting || state == child_now::running
           || state == child_now::stopping;
  };
  const auto count = [&](child_now state, bool add) {
    const auto change = [add](std::size_t& counter) { add ? ++counter : --counter; };
    if (is_alive(state))
      change(alive_);
    if (state == child_now::stopping)
      change(stopping_);
    if (one.why == started_for::all && (is_alive(state) || state == child_now::restarting))
      change(never_started_);
    if (state != child_now::starting)
      return;
    if (one.why == started_for::all || one.why == started_for::restart)
      change(starting_);
    if (one.why == started_for::all)
      change(starting_first_);
  };
  count(one.now, false);
  one.now = to;
  one.why = to == child_now::running ? started_for::restart : why.value_or(one.why);
  count(one.now, true);
}

// --- orders ------------------------------------------------------------------------------------------

void supervisor_state::add(child_key child, child_spec spec) {
  children_[child].spec = std::move(spec);
}

std::map<child_key, child_spec> supervisor_state::take_specs() {
  std::map<child_key, child_spec> all;
  for (auto& [key, one] : children_)
    if (one.after != then::forgotten)
      all.emplace_hint(all.end(), key, std::move(one.spec));
  children_.clear();
  return all;
}

supervisor_steps supervisor_state::start_all(time_point now) {
  // What comes and goes must not keep a dynamic supervisor from starting: it is tried again, like a restart.
  const auto why = options_.strategy == strategy::dynamic ? started_for::restart : started_for::all;
  for (auto one = children_.begin(); one != children_.end(); ++one)
    if (one->second.now == child_now::down)
      wait_for_start(one, why, now);
  return advance(now);
}

supervisor_steps supervisor_state::start(child_key child, bool keep, time_point now) {
  const auto found = children_.find(child);
  const auto why = keep ? started_for::asking : started_for::adding;
  if (ordered()) { // it stands on those before it, which may be on their way down
    wait_for_start(found, why, now);
    return advance(now);
  }
  found->second.why = why;
  supervisor_steps steps;
  begin(found, now, steps);
  return steps;
}

supervisor_steps supervisor_state::terminate(child_key child, time_point now) {
  supervisor_steps steps;
  const auto found = children_.find(child);
  auto& one = found->second;
  switch (one.now) {
  case child_now::ended:
    break;
  case child_now::restarting:
    forget_start(found);
    move(one, child_now::down);
    [[fallthrough]];
  case child_now::down: // one that isn't kept was to come back in the next life
    if (!is_kept(one.spec))
      children_.erase(found);
    break;
  case child_now::starting:
  case child_now::running:
    one.after = is_kept(one.spec) ? then::down : then::forgotten;
    one.stop_by = time_point::max();
    move(one, child_now::stopping);
    tell(found, now, steps);
    break;
  case child_now::stopping:
    if (one.after != then::forgotten)
      one.after = is_kept(one.spec) ? then::down : then::forgotten;
    break;
  }
  const auto more = advance(now);
  steps.insert(steps.end(), more.begin(), more.end());
  return steps;
}

/// What was added and never came to be is answered as not started: so it isn't there in the next life.
supervisor_state::then supervisor_state::after_the_end(const child_state& one) {
  return one.why == started_for::adding ? then::forgotten : then::down;
}

/// From now on nothing is started, and all are queued to be stopped.
void supervisor_state::end_all(time_point now) {
  ending_ = true;
  std::vector<place> alive;
  for (auto one = children_.begin(); one != children_.end(); ++one) {
    switch (one->second.now) {
    case child_now::starting:
    case child_now::running:
      alive.push_back(one);
      break;
    case child_now::stopping:
      if (one->second.after != then::forgotten)
        one->second.after = after_the_end(one->second);
      break;
    case child_now::restarting:
      forget_start(one);
      one->second.after = after_the_end(one->second);
      move(one->second, child_now::down);
      break;
    case child_now::down:
    case child_now::ended:
      break;
    }
  }
  queue_stops(alive, then::down, now);
}

supervisor_steps supervisor_state::stop_all(time_point now) {
  end_all(now);
  return advance(now);
}

supervisor_steps supervisor_state::kill_all(time_point now) {
  end_all(now);
  supervisor_steps steps;
  for (auto one = children_.end(); one != children_.begin();) {
    --one;
    if (one->second.now == child_now::stopping && one->second.phase != stop_phase::killed)
      kill(one, now, steps);
  }
  const auto more = advance(now);
  steps.insert(steps.end(), more.begin(), more.end());
  return steps;
}

// --- events ------------------------------------------------------------------------------------------

supervisor_steps supervisor_state::started(child_key child, time_point now) {
  const auto found = children_.find(child);
  if (found == children_.end() || found->second.now != child_now::starting)
    return {};
  found->second.since = now;
  move(found->second, child_now::running);
  return advance(now);
}

supervisor_steps supervisor_state::ignored(child_key child, time_point now) {
  const auto found = children_.find(child);
  if (found == children_.end())
    return {};
  if (found->second.now == child_now::stopping)
    return stopped(child, now);
  if (found->second.now != child_now::starting)
    return {};
  move(found->second, child_now::down);
  if (!is_kept(found->second.spec))
    children_.erase(found);
  return advance(now);
}

supervisor_steps supervisor_state::exited(child_key child, exit_reason reason, std::uint32_t charge,
                                          failure why, time_point now, double random) {
  const auto found = children_.find(child);
  if (found == children_.end() || (escalated_ && !ending_))
    return {};
  auto& one = found->second;
  const auto was = one.now;
  switch (was) {
  case child_now::down:
  case child_now::restarting:
  case child_now::ended:
    return {};
  case child_now::stopping: // it ended before it could obey
    return stopped(child, now);
  case child_now::starting:
    if (one.why == started_for::restart)
      break; // a restart that failed is one that has to be tried again, whatever the reason
    move(one, child_now::down);
    if (one.why == started_for::all)
      return escalate(child, std::move(why), "could not be started");
    if (one.why == started_for::adding || one.spec.restart == restart::temporary)
      children_.erase(found);
    return advance(now);
  case child_now::running:
    if (is_restarted(one.spec.restart, reason))
      break;
    const bool significant = one.spec.significant;
    move(one, child_now::down);
    if (!is_kept(one.spec))
      children_.erase(found);
    auto steps = advance(now);
    const auto counts = [](const auto& other) {
      const auto& [key, state] = other;
      return state.spec.significant && state.now != child_now::down
             && state.now != child_now::ended;
    };
    if (significant
        && (ends_ == auto_shutdown::any_significant
            || (ends_ == auto_shutdown::all_significant
                && std::ranges::none_of(children_, counts))))
      steps.push_back({supervisor_step::kind::shut_down, child});
    return steps;
  }

  if (!window_.add(child, charge, now)) {
    move(one, child_now::down);
    return escalate(child, std::move(why),
                    "more than " + std::to_string(options_.intensity) + " restarts within "
                        + std::to_string(options_.period.count()) + " ms");
  }
  if (was == child_now::running && now - one.since > options_.period)
    one.in_a_row = 0; // it was healthy
  const auto delay = options_.delays.delay(++one.in_a_row, random);
  restart_group(found, now + delay, now);
  return advance(now);
}

supervisor_steps supervisor_state::escalate(child_key child, failure why, std::string because) {
  why.kind = failure_kind::fatal;
  escalated_ = std::move(why).within("escalated the failure of '" + children_.at(child).spec.id
                                     + "': " + std::move(because));
  return {{supervisor_step::kind::escalate, child}};
}

/// The child waits to be started again, and the others of its group are stopped for it.
void supervisor_state::restart_group(place child, time_point at, time_point now) {
  wait_for_start(child, started_for::restart, at);
  back_off(child, at, now);
  if (!ordered())
    return;
  std::vector<place> group;
  for (auto k = options_.strategy == strategy::rest_for_one ? child : children_.begin();
       k != children_.end(); ++k) {
    auto& one = k->second;
    back_off(k, at, now);
    switch (one.now) {
    case child_now::restarting:
      if (const auto due = std::max(one.due, at); one.why == started_for::restart && k != child) {
        forget_start(k);
        wait_for_start(k, started_for::restart, due);
      }
      break;
    case child_now::starting:
    case child_now::running:
      one.due = at;
      group.push_back(k);
      break;
    case child_now::down: // as OTP does it: they belong to the group
      wait_for_start(k, started_for::restart, at);
      break;
    case child_now::stopping:
    case child_now::ended: // what had done all its work isn't started again
      break;
    }
  }
  queue_stops(group, then::restart, now);
}

/// Nothing can happen to the child until then. Where waits overlap, the time is taken out once.
void supervisor_state::back_off(place child, time_point until, time_point now) {
  auto& one = child->second;
  const auto from = std::max(now, one.waits_until);
  if (until <= from)
    return;
  window_.pause(child->first, until - from);
  one.waits_until = until;
}

supervisor_steps supervisor_state::stopped(child_key child, time_point now) {
  const auto found = children_.find(child);
  if (found == children_.end() || (escalated_ && !ending_)
      || found->second.now != child_now::stopping)
    return {};
  gone(found, now);
  return advance(now);
}

void supervisor_state::ended(child_key child) {
  const auto found = children_.find(child);
  if (found == children_.end())
    return;
  auto& one = found->second;
  if (one.now == child_now::stopping) {
    gone(found, {}); // instead of stopping
    if (!has(child))
      return;
  }
  if (one.now == child_now::restarting)
    forget_start(found);
  move(one, child_now::ended);
}

void supervisor_state::recovered(child_key child) {
  window_.forgive(child);
  if (const auto found = children_.find(child); found != children_.end())
    found->second.in_a_row = 0;
}

supervisor_steps supervisor_state::due(time_point now) { return advance(now); }

// --- stopping ----------------------------------------------------------------------------------------

/// All that stop together share a time: that of the one which may take longest. One by one, each is told when
/// those behind it are gone; but at the latest when no more is left than half of what it or one before it may
/// take. So one that hangs costs its neighbours at most half of their time, and nobody's time adds up. One
/// without a limit is waited for, and the time that it takes is not theirs: see lift_barrier.
void supervisor_state::queue_stops(const std::vector<place>& group, then after, time_point now) {
  std::vector<milliseconds> times;
  times.reserve(group.size());
  for (const auto& one : group)
    times.push_back(bound(one->second).value_or(milliseconds{0}));
  const auto longest = times.empty() ? milliseconds{0} : *std::ranges::max_element(times);
  auto most = milliseconds{0};
  for (std::size_t k = 0; k < group.size(); ++k) {
    const auto& stopped = group[k];
    auto& one = stopped->second;
    most = std::max(most, times[k]);
    one.after = after == then::restart ? after : after_the_end(one);
    one.phase = stop_phase::queued;
    one.stop_by = now + longest;
    one.at_latest = order_ == order::at_once ? now : one.stop_by - most / 2;
    one.since_order = now;
    move(one, child_now::stopping);
    stops_.insert(stopped->first);
    stops_at_latest_.insert({one.at_latest, stopped->first});
  }
}

void supervisor_state::tell(place child, time_point now, supervisor_steps& steps) {
  auto& one = child->second;
  stops_.erase(child->first);
  stops_at_latest_.erase({one.at_latest, child->first});
  one.phase = stop_phase::told;
  one.at_latest = time_point::max();
  const auto time = time_of(one.spec);
  if (time.how == shutdown::kind::brutal_kill) {
    kill(child, now, steps);
    return;
  }
  if (time.how == shutdown::kind::within)
    one.at_latest = std::min(now + time.time, one.stop_by);
  else if (order_ == order::one_by_one && !bound(one))
    barriers_.insert(child->first);
  one.since_order = now;
  deadlines_.insert({one.at_latest, child->first});
  steps.push_back({supervisor_step::kind::stop, child->first});
}

void supervisor_state::kill(place child, time_point now, supervisor_steps& steps) {
  auto& one = child->second;
  stops_.erase(child->first);
  stops_at_latest_.erase({one.at_latest, child->first});
  deadlines_.erase({one.at_latest, child->first});
  barriers_.erase(child->first);
  one.phase = stop_phase::killed;
  // A supervisor is gone as soon as its own children are, each of which is killed or abandoned.
  one.at_latest = one.spec.type == child_type::supervisor ? time_point::max() : now + kill_grace;
  deadlines_.insert({one.at_latest, child->first});
  steps.push_back({supervisor_step::kind::kill, child->first});
}

/// Requires that it was stopping.
void supervisor_state::gone(place child, time_point now) {
  auto& one = child->second;
  lift_barrier(child, now);
  stops_.erase(child->first);
  stops_at_latest_.erase({one.at_latest, child->first});
  deadlines_.erase({one.at_latest, child->first});
  move(one, child_now::down);
  const bool temporary = one.spec.restart == restart::temporary;
  if (one.after == then::restart && !temporary)
    wait_for_start(child, one.why, one.due);
  else if (temporary || one.after == then::forgotten)
    children_.erase(child);
}

/// Those that waited for a child without a limit have their time from now on.
void supervisor_state::lift_barrier(place child, time_point now) {
  if (barriers_.erase(child->first) == 0)
    return;
  for (const auto key : stops_) {
    if (key > child->first)
      break;
    auto& one = children_.at(key);
    const auto taken = now - std::max(one.since_order, child->second.since_order);
    stops_at_latest_.erase({one.at_latest, key});
    one.at_latest += taken;
    one.stop_by += taken;
    stops_at_latest_.insert({one.at_latest, key});
  }
}

/// Does the next to be told wait for one without a limit?
bool supervisor_state::stop_is_barred() const {
  return !stops_.empty() && !barriers_.empty() && *barriers_.rbegin() > *stops_.rbegin();
}

void supervisor_state::stop_due(time_point now, supervisor_steps& steps) {
  for (;;) {
    if (!stops_.empty() && !stop_is_barred()
        && (deadlines_.empty() || stops_at_latest_.begin()->first <= now)) {
      tell(children_.find(*stops_.rbegin()), now, steps);
      continue;
    }
    if (deadlines_.empty() || deadlines_.begin()->first > now)
      return;
    const auto late = children_.find(deadlines_.begin()->second);
    if (late->second.phase == stop_phase::told) {
      kill(late, now, steps);
    } else {
      steps.push_back({supervisor_step::kind::abandon, late->first});
      gone(late, now);
    }
  }
}

// --- starting ----------------------------------------------------------------------------------------

void supervisor_state::wait_for_start(place child, started_for why, time_point due) {
  auto& one = child->second;
  move(one, child_now::restarting, why);
  one.due = due;
  if (why == started_for::all) {
    first_starts_.insert(child->first);
  } else {
    restarts_.insert(child->first);
    restarts_due_.insert({due, child->first});
  }
}

void supervisor_state::forget_start(place child) {
  first_starts_.erase(child->first);
  restarts_.erase(child->first);
  restarts_due_.erase({child->second.due, child->first});
}

void supervisor_state::begin(place child, time_point now, supervisor_steps& steps) {
  auto& one = child->second;
  forget_start(child);
  if (one.why == started_for::restart)
    ++one.restarts;
  one.since = now;
  // Workers of a pipeline have no start function: they are there when they are told to be.
  move(one, one.spec.start ? child_now::starting : child_now::running);
  steps.push_back({supervisor_step::kind::start, child->first});
}

void supervisor_state::start_due(time_point now, supervisor_steps& steps) {
  if (ordered() && stopping_ > 0)
    return;
  if (ordered() && order_ == order::one_by_one) {
    if (starting_ > 0)
      return;
    const auto next = next_in_order();
    if (next && children_.at(*next).due <= now)
      begin(children_.find(*next), now, steps);
    return;
  }
  std::vector<child_key> ready;
  for (const auto& [at, child] : restarts_due_) {
    if (at > now)
      break;
    ready.push_back(child);
  }
  if (!first_starts_.empty() && starting_first_ == 0)
    ready.push_back(*first_starts_.begin());
  std::ranges::sort(ready);
  for (const auto child : ready)
    begin(children_.find(child), now, steps);
}

std::optional<child_key> supervisor_state::next_in_order() const {
  if (restarts_.empty() && first_starts_.empty())
    return std::nullopt;
  if (restarts_.empty() || first_starts_.empty())
    return restarts_.empty() ? *first_starts_.begin() : *restarts_.begin();
  return std::min(*restarts_.begin(), *first_starts_.begin());
}

supervisor_steps supervisor_state::advance(time_point now) {
  supervisor_steps steps;
  if (escalated_ && !ending_)
    return steps;
  stop_due(now, steps);
  if (!ending_)
    start_due(now, steps);
  else if (alive_ == 0 && !std::exchange(all_gone_, true))
    steps.push_back({supervisor_step::kind::all_gone});
  return steps;
}

// --- what is known -----------------------------------------------------------------------------------

bool supervisor_state::starts_anew(child_key child) const {
  const auto& one = children_.at(child);
  return (one.now == child_now::starting || one.now == child_now::restarting)
         && one.why != started_for::restart;
}

start_function supervisor_state::take_start(child_key child) {
  auto& one = children_.at(child);
  const bool once = one.spec.restart == restart::temporary && one.why != started_for::restart;
  return once ? std::exchange(one.spec.start, {}) : one.spec.start;
}

std::optional<time_point> supervisor_state::next_due() const {
  std::optional<time_point> next;
  if (escalated_ && !ending_)
    return next;
  const auto also = [&next](time_point at) {
    if (at != time_point::max() && (!next || at < *next))
      next = at;
  };
  if (!stops_at_latest_.empty() && !stop_is_barred())
    also(stops_at_latest_.begin()->first);
  if (!deadlines_.empty())
    also(deadlines_.begin()->first);
  if (ordered() && stopping_ > 0)
    return next; // nothing can be started before all have stopped
  if (!ordered() || order_ == order::at_once) {
    if (!restarts_due_.empty())
      also(restarts_due_.begin()->first);
  } else if (const auto first = next_in_order(); first && starting_ == 0) {
    also(children_.at(*first).due);
  }
  return next;
}

std::optional<milliseconds> supervisor_state::stop_time() const {
  std::vector<std::pair<const child_state*, milliseconds>> all;
  auto longest = milliseconds{0};
  for (const auto& [key, one] : children_) {
    if (one.now == child_now::down || one.now == child_now::restarting
        || one.now == child_now::ended)
      continue;
    const auto time = bound(one);
    if (!time)
      return std::nullopt;
    all.emplace_back(&one, *time);
    longest = std::max(longest, *time);
  }
  auto whole = longest;
  auto most = milliseconds{0};
  for (const auto& [one, time] : all) {
    most = std::max(most, time);
    // A supervisor has all of its time, even if it is told late: see queue_stops.
    if (time_of(one->spec).how == shutdown::kind::infinite && order_ == order::one_by_one)
      whole = std::max(whole, longest - most / 2 + time);
  }
  return whole;
}

std::string_view to_string(supervisor_state::child_now state) noexcept {
  switch (state) {
  case supervisor_state::child_now::down:
    return "down";
  case supervisor_state::child_now::starting:
    return "starting";
  case supervisor_state::child_now::running:
    return "running";
  case supervisor_state::child_now::stopping:
    return "stopping";
  case supervisor_state::child_now::restarting:
    return "restarting";
  case supervisor_state::child_now::ended:
    break;
  }
  return "ended";
}

} // namespace weir
