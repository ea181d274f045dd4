#pragma once

#include <weir/supervision/child_key.hpp>
#include <weir/supervision/child_now.hpp>
#include <weir/supervision/child_order.hpp>
#include <weir/supervision/child_tally.hpp>
#include <weir/supervision/start_schedule.hpp>
#include <weir/supervision/stop_schedule.hpp>
#include <weir/supervision/supervised_child.hpp>
#include <weir/supervision/supervisor_step.hpp>
#include <weir/supervision/time_point.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <vector>

namespace weir::internal {

/// The children of one supervisor, and what is due to them: who is started, told to stop, killed or abandoned now. Why
/// a child starts or stops is decided by supervisor_state.
///
/// Owner: supervisor_state.
/// Invariants: the schedules and the tally fit the children's states, as every state is changed here. Of a group,
/// children are started in their order, and none is while another is still stopping.
class supervised_children {
public:
  using started_for = supervised_child::started_for;
  using then = supervised_child::then;
  using place = std::map<child_key, supervised_child>::iterator;
  using const_place = std::map<child_key, supervised_child>::const_iterator;

  /// `grouped`: the restart of one child concerns others, so that none may be started before all have stopped.
  supervised_children(child_order order, bool grouped)
      : order_{order}, grouped_{grouped}, stops_{order} {}

  place begin() { return all_.begin(); }
  place end() { return all_.end(); }
  const_place begin() const { return all_.begin(); }
  const_place end() const { return all_.end(); }
  place find(child_key child) { return all_.find(child); }
  bool contains(child_key child) const { return all_.contains(child); }
  /// Both require a known child.
  place known(child_key child);
  const supervised_child& at(child_key child) const { return all_.at(child); }

  /// Adds a child that is down. Requires a new key.
  place add(child_key child, child_spec spec);
  /// Forgets a child that is down, which it requires.
  void forget(place child);
  /// Takes the specs of all that are not forgotten when they end, and leaves none.
  std::map<child_key, child_spec> take_specs();

  // --- changes of a state, which cause no step ---------------------------------------------------------
  /// It is there.
  void is_running(place child, time_point now);
  /// It has ended, or could not be started, without having been told to.
  void is_down(place child) { move(child->second, child_now::down); }
  /// It has done all its work.
  void has_ended(place child) { move(child->second, child_now::ended); }
  /// It is started when it is due, and its turn has come.
  void wait_for_start(place child, started_for why, time_point due);
  /// It waits no more, and is down.
  void withdraw_start(place child);
  /// It waits for a restart, and no less long than until `due`.
  void postpone_start(place child, time_point due);
  /// These are to stop, the last first, each when its turn has come. In the order of their keys.
  void queue_stops(const std::vector<place>& group, then after, time_point now);
  /// One that was stopping is no more: it is started again, down or forgotten, as was decided when it was to stop.
  void gone(place child, time_point now);

  // --- steps ---------------------------------------------------------------------------------------------
  void start(place child, time_point now, supervisor_steps& steps);
  /// Starts one that is down, because somebody asked for it.
  void start_anew(place child, started_for why, time_point now, supervisor_steps& steps);
  /// Stops one alone, at once.
  void stop(place child, then after, time_point now, supervisor_steps& steps);
  /// Kills all that are stopping, the last first.
  void kill_stopping(time_point now, supervisor_steps& steps);
  void stop_due(time_point now, supervisor_steps& steps);
  void start_due(time_point now, supervisor_steps& steps);

  // --- what is known -------------------------------------------------------------------------------------
  /// When `stop_due` or `start_due` is next wanted.
  std::optional<time_point> next_due() const;
  /// How long a stop of all may take, as long as what is killed is gone; nothing if nobody can say.
  std::optional<std::chrono::milliseconds> stop_time() const;
  bool any_alive() const { return tally_.any_alive(); }
  bool all_started() const { return tally_.all_started(); }

private:
  void move(supervised_child& one, child_now to, std::optional<started_for> why = {});
  void tell(place child, time_point now, supervisor_steps& steps);
  void kill(place child, time_point now, supervisor_steps& steps);

  child_order order_;
  bool grouped_;
  std::map<child_key, supervised_child> all_;
  child_tally tally_; // of all_
  start_schedule starts_;
  stop_schedule stops_;
};

} // namespace weir::internal
