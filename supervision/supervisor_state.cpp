#include <weir/mailbox/require.hpp>
#include <weir/supervision/supervisor_state.hpp>

#include <algorithm>
#include <utility>

namespace weir::internal {

supervisor_state::supervisor_state(supervision_options options, auto_shutdown ends)
    : supervisor_state{options, ends,
                       options.strategy == strategy::dynamic ? child_order::at_once
                                                             : child_order::one_by_one} {}

supervisor_state::supervisor_state(supervision_options options, std::vector<child_spec> children)
    : supervisor_state{options, auto_shutdown::never, child_order::at_once} {
  child_key next = 0;
  for (auto& spec : children) {
    if (!spec.shutdown)
      spec.shutdown = shutdown::infinite(); // a worker has an item in hand: it is never killed
    children_.is_running(children_.add(next++, std::move(spec)), {});
  }
}

supervisor_state::supervisor_state(supervision_options options, auto_shutdown ends,
                                   child_order order)
    : options_{options},
      ends_{ends},
      children_{order, ordered()},
      window_{options.intensity, options.period} {}

/// Do restarts concern children beside the one that ended?
bool supervisor_state::ordered() const {
  return options_.strategy == strategy::one_for_all || options_.strategy == strategy::rest_for_one;
}

/// Does a child stay known while it is down?
bool supervisor_state::is_kept(const child_spec& spec) const {
  return spec.restart != restart::temporary && options_.strategy != strategy::dynamic;
}

// --- orders ------------------------------------------------------------------------------------------

void supervisor_state::add(child_key child, child_spec spec) {
  children_.add(child, std::move(spec));
}

void supervisor_state::remove(child_key child) { children_.forget(children_.known(child)); }

void supervisor_state::change(child_key child, child_spec spec) {
  children_.known(child)->second.spec = std::move(spec);
}

std::map<child_key, child_spec> supervisor_state::take_specs() { return children_.take_specs(); }

supervisor_steps supervisor_state::start_all(time_point now) {
  // What comes and goes must not keep a dynamic supervisor from starting: it is tried again, like a restart.
  const auto why = options_.strategy == strategy::dynamic ? started_for::restart : started_for::all;
  for (auto one = children_.begin(); one != children_.end(); ++one)
    if (one->second.now == child_now::down)
      children_.wait_for_start(one, why, now);
  return advance(now);
}

supervisor_steps supervisor_state::start(child_key child, bool keep, time_point now) {
  const auto found = children_.known(child);
  require(found->second.now == child_now::down,
          "supervisor_state: only a child that is down may be started");
  const auto why = keep ? started_for::asking : started_for::adding;
  if (ordered()) { // it stands on those before it, which may be on their way down
    children_.wait_for_start(found, why, now);
    return advance(now);
  }
  supervisor_steps steps;
  children_.start_anew(found, why, now, steps);
  return steps;
}

supervisor_steps supervisor_state::terminate(child_key child, time_point now) {
  supervisor_steps steps;
  const auto found = children_.known(child);
  auto& one = found->second;
  switch (one.now) {
  case child_now::ended:
    break;
  case child_now::restarting:
    children_.withdraw_start(found);
    [[fallthrough]];
  case child_now::down: // one that isn't kept was to come back in the next life
    if (!is_kept(one.spec))
      children_.forget(found);
    break;
  case child_now::starting:
  case child_now::running:
    children_.stop(found, is_kept(one.spec) ? then::down : then::forgotten, now, steps);
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
        one->second.after = one->second.after_the_end();
      break;
    case child_now::restarting:
      one->second.after = one->second.after_the_end();
      children_.withdraw_start(one);
      break;
    case child_now::down:
    case child_now::ended:
      break;
    }
  }
  children_.queue_stops(alive, then::down, now);
}

supervisor_steps supervisor_state::stop_all(time_point now) {
  end_all(now);
  return advance(now);
}

supervisor_steps supervisor_state::kill_all(time_point now) {
  end_all(now);
  supervisor_steps steps;
  children_.kill_stopping(now, steps);
  const auto more = advance(now);
  steps.insert(steps.end(), more.begin(), more.end());
  return steps;
}

// --- events ------------------------------------------------------------------------------------------

supervisor_steps supervisor_state::started(child_key child, time_point now) {
  const auto found = children_.find(child);
  if (found == children_.end() || found->second.now != child_now::starting)
    return {};
  children_.is_running(found, now);
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
  children_.is_down(found);
  if (!is_kept(found->second.spec))
    children_.forget(found);
  return advance(now);
}

supervisor_steps supervisor_state::exited(child_key child, exit_reason reason, std::uint32_t charge,
                                          failure why, time_point now, double random) {
  const auto found = children_.find(child);
  if (found == children_.end() || is_over())
    return {};
  const auto& one = found->second;
  switch (one.now) {
  case child_now::down:
  case child_now::restarting:
  case child_now::ended:
    return {};
  case child_now::stopping: // it ended before it could obey
    return stopped(child, now);
  case child_now::starting:
    if (one.why != started_for::restart)
      return did_not_start(found, std::move(why), now);
    break; // a restart that failed is one that has to be tried again, whatever the reason
  case child_now::running:
    if (!is_restarted(one.spec.restart, reason))
      return ended_for_good(found, now);
    break;
  }
  return failed(found, charge, std::move(why), now, random);
}

/// A child that was to start anew could not: that is answered where somebody asked, and an escalation with all.
supervisor_steps supervisor_state::did_not_start(place child, failure why, time_point now) {
  auto& one = child->second;
  children_.is_down(child);
  if (one.why == started_for::all)
    return escalate(child, std::move(why), "could not be started");
  if (one.why == started_for::adding || one.spec.restart == restart::temporary)
    children_.forget(child);
  return advance(now);
}

/// A child has ended that isn't restarted, which may end its supervisor.
supervisor_steps supervisor_state::ended_for_good(place child, time_point now) {
  const auto key = child->first;
  auto& one = child->second;
  const bool significant = one.spec.significant;
  children_.is_down(child);
  if (!is_kept(one.spec))
    children_.forget(child);
  auto steps = advance(now);
  if (significant && shuts_down())
    steps.push_back({supervisor_step::kind::shut_down, key});
  return steps;
}

/// Does the end of a significant child end the supervisor?
bool supervisor_state::shuts_down() const {
  const auto counts = [](const auto& other) {
    const auto& [key, one] = other;
    return one.spec.significant && one.now != child_now::down && one.now != child_now::ended;
  };
  return ends_ == auto_shutdown::any_significant
         || (ends_ == auto_shutdown::all_significant && std::ranges::none_of(children_, counts));
}

/// A child has to be restarted: after a delay, with its group, or not at all if that is once too often.
supervisor_steps supervisor_state::failed(place child, std::uint32_t charge, failure why,
                                          time_point now, double random) {
  auto& one = child->second;
  if (!window_.add(child->first, charge, now)) {
    children_.is_down(child);
    return escalate(child, std::move(why),
                    "more than " + std::to_string(options_.intensity) + " restarts within "
                        + std::to_string(options_.period.count()) + " ms");
  }
  if (one.now == child_now::running && now - one.since > options_.period)
    one.in_a_row = 0; // it was healthy
  const auto delay = options_.delays.delay(++one.in_a_row, random);
  restart_group(child, now + delay, now);
  return advance(now);
}

supervisor_steps supervisor_state::escalate(place child, failure why, const std::string& because) {
  why.kind = failure_kind::fatal;
  escalated_ =
      std::move(why).within("escalated the failure of '" + child->second.spec.id + "': " + because);
  return {{supervisor_step::kind::escalate, child->first}};
}

/// The child waits to be started again, and the others of its group are stopped for it.
void supervisor_state::restart_group(place child, time_point at, time_point now) {
  children_.wait_for_start(child, started_for::restart, at);
  back_off(child, at, now);
  if (!ordered())
    return;
  std::vector<place> to_stop;
  for (auto k = options_.strategy == strategy::rest_for_one ? child : children_.begin();
       k != children_.end(); ++k) {
    back_off(k, at, now);
    if (k != child)
      restart_with(k, at, to_stop);
  }
  children_.queue_stops(to_stop, then::restart, now);
}

/// A sibling of a child that is restarted is started again with it; if it is there, it has to stop first.
void supervisor_state::restart_with(place sibling, time_point at, std::vector<place>& to_stop) {
  auto& one = sibling->second;
  switch (one.now) {
  case child_now::restarting:
    if (one.why == started_for::restart)
      children_.postpone_start(sibling, at);
    break;
  case child_now::starting:
  case child_now::running:
    one.due = at;
    to_stop.push_back(sibling);
    break;
  case child_now::down: // as OTP does it: they belong to the group
    children_.wait_for_start(sibling, started_for::restart, at);
    break;
  case child_now::stopping:
  case child_now::ended: // what had done all its work isn't started again
    break;
  }
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
  if (found == children_.end() || is_over() || found->second.now != child_now::stopping)
    return {};
  children_.gone(found, now);
  return advance(now);
}

void supervisor_state::ended(child_key child) {
  const auto found = children_.find(child);
  if (found == children_.end())
    return;
  const auto& one = found->second;
  if (one.now == child_now::stopping) {
    children_.gone(found, {}); // instead of stopping
    if (!has(child))
      return;
  }
  if (one.now == child_now::restarting)
    children_.withdraw_start(found);
  children_.has_ended(found);
}

void supervisor_state::recovered(child_key child) {
  window_.forgive(child);
  if (const auto found = children_.find(child); found != children_.end())
    found->second.in_a_row = 0;
}

supervisor_steps supervisor_state::due(time_point now) { return advance(now); }

/// What is due now.
supervisor_steps supervisor_state::advance(time_point now) {
  supervisor_steps steps;
  if (is_over())
    return steps;
  children_.stop_due(now, steps);
  if (!ending_)
    children_.start_due(now, steps);
  else if (!children_.any_alive() && !std::exchange(all_gone_, true))
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
  auto& one = children_.known(child)->second;
  const bool once = one.spec.restart == restart::temporary && one.why != started_for::restart;
  return once ? std::exchange(one.spec.start, {}) : one.spec.start;
}

std::optional<time_point> supervisor_state::next_due() const {
  return is_over() ? std::nullopt : children_.next_due();
}

} // namespace weir::internal
