#pragma once

#include <weir/supervision/child_key.hpp>
#include <weir/supervision/child_now.hpp>
#include <weir/supervision/child_order.hpp>
#include <weir/supervision/child_spec.hpp>
#include <weir/supervision/failure.hpp>
#include <weir/supervision/restart.hpp>
#include <weir/supervision/restart_window.hpp>
#include <weir/supervision/supervised_child.hpp>
#include <weir/supervision/supervised_children.hpp>
#include <weir/supervision/supervisor_step.hpp>
#include <weir/supervision/time_point.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weir::internal {

/// The decisions of a supervisor, as a state machine without threads, actors or a clock.
///
/// Each child is in one of the states of child_now, whose table is beside them. What is due to them by that
/// is in supervised_children.
/// Owner: the actor of the supervisor, which tells it each event and the time, and carries its steps out.
/// Invariants: children are started in their order and told to stop in the reverse; with one_for_all and
/// rest_for_one none is started while another is still stopping, so no old instance is alive beside a new one.
/// Failure: after it has escalated, it wants nothing more until it is told to stop all.
class supervisor_state {
public:
  using child_now = weir::child_now;

  /// It has no children yet.
  explicit supervisor_state(supervision_options options, auto_shutdown ends = auto_shutdown::never);
  /// It has the children 0, 1, …, which run already, at_once.
  supervisor_state(supervision_options options, std::vector<child_spec> children);

  // --- orders ----------------------------------------------------------------------------------------
  /// Adds a child that is down. Requires a new key.
  void add(child_key child, child_spec spec);
  /// What is left of it after all_gone: its children, for one that starts in its place.
  std::map<child_key, child_spec> take_specs();
  /// Starts all that are down: a first start that fails is an escalation.
  supervisor_steps start_all(time_point now);
  /// Starts one, now or after a restart of its group; if that fails it is down again or, with `keep` false, gone.
  /// Requires that it is down.
  supervisor_steps start(child_key child, bool keep, time_point now);
  /// Stops one, or takes back its restart; afterwards it is down, or gone if it is temporary or dynamic. Requires a
  /// known child.
  supervisor_steps terminate(child_key child, time_point now);
  /// Forgets one. Requires that it is down.
  void remove(child_key child);
  /// Requires a known child. The spec holds from the next time that it matters on.
  void change(child_key child, child_spec spec);
  /// Nothing is started any more; ends with all_gone.
  supervisor_steps stop_all(time_point now);
  /// As stop_all, but nobody is given time.
  supervisor_steps kill_all(time_point now);

  // --- events ----------------------------------------------------------------------------------------
  supervisor_steps started(child_key child, time_point now);
  /// It was started, and isn't needed.
  supervisor_steps ignored(child_key child, time_point now);
  /// A child ended by itself, or could not be started. `charge` is how many restarts to count (see blame);
  /// `random` is in [0, 1).
  supervisor_steps exited(child_key child, exit_reason reason, std::uint32_t charge, failure why,
                          time_point now, double random);
  /// A child ended because it had done all its work: it is never started again.
  void ended(child_key child);
  /// A child that was told to stop has stopped.
  supervisor_steps stopped(child_key child, time_point now);
  /// A child did work again after a failure: what it was charged with is forgiven.
  void recovered(child_key child);
  /// Time has passed.
  supervisor_steps due(time_point now);

  // --- what is known ---------------------------------------------------------------------------------
  /// When `due` is next wanted.
  std::optional<time_point> next_due() const;
  /// How long a stop of all may take, as long as what is killed is gone; nothing if nobody can say.
  std::optional<std::chrono::milliseconds> stop_time() const { return children_.stop_time(); }
  /// Why it escalated, once it has, as a chain from the child's failure.
  const std::optional<failure>& escalated() const { return escalated_; }
  bool has(child_key child) const { return children_.contains(child); }
  child_now now_is(child_key child) const { return children_.at(child).now; }
  /// Is it being started for the first time, or because somebody asked for it?
  bool starts_anew(child_key child) const;
  const child_spec& spec(child_key child) const { return children_.at(child).spec; }
  /// Its start function, which a temporary child gives away: it is never started again.
  start_function take_start(child_key child);
  std::uint64_t restarts(child_key child) const { return children_.at(child).restarts; }
  std::size_t charged(time_point now) { return window_.size(now); }
  /// Have all been started that `start_all` wanted?
  bool all_started() const { return children_.all_started(); }

private:
  using started_for = supervised_child::started_for;
  using then = supervised_child::then;
  using place = supervised_children::place;

  supervisor_state(supervision_options options, auto_shutdown ends, child_order order);

  bool ordered() const;
  bool is_kept(const child_spec& spec) const;
  bool is_over() const { return escalated_ && !ending_; }

  supervisor_steps did_not_start(place child, failure why, time_point now);
  supervisor_steps ended_for_good(place child, time_point now);
  supervisor_steps failed(place child, std::uint32_t charge, failure why, time_point now,
                          double random);
  supervisor_steps escalate(place child, failure why, const std::string& because);
  bool shuts_down() const;
  void restart_group(place child, time_point at, time_point now);
  void restart_with(place sibling, time_point at, std::vector<place>& to_stop);
  void back_off(place child, time_point until, time_point now);
  void end_all(time_point now);
  supervisor_steps advance(time_point now);

  supervision_options options_;
  auto_shutdown ends_;
  supervised_children children_;
  restart_window window_;
  std::optional<failure> escalated_;
  bool ending_ = false;
  bool all_gone_ = false;
};

} // namespace weir::internal
