#pragma once

#include <weir/supervision/child_key.hpp>
#include <weir/supervision/time_point.hpp>

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace weir::internal {

/// The children of a supervisor that wait to be started, in their order and by the time that they wait for.
///
/// Owner: supervisor_state, which decides whether anything may be started at all.
/// Invariants: a child waits at most once.
class start_schedule {
public:
  /// A child that waits, and until when.
  struct entry {
    child_key child;
    time_point due;
  };

  /// It is started with all others, after those before it.
  void wait_first(child_key child, time_point due) { firsts_.emplace(child, due); }
  /// It is started at `due`: a restart, or because somebody asked for it. Requires that it doesn't wait.
  void wait(child_key child, time_point due);
  /// It waits no more.
  void forget(child_key child);

  /// The first of all that wait, in the order of their start.
  std::optional<entry> first_in_order() const;
  /// The first of those that are started with all others.
  std::optional<child_key> first_of_all() const;
  /// Those that are due at `now`, but not those that are started with all others.
  std::vector<child_key> due(time_point now) const;
  /// When the next of them is due.
  std::optional<time_point> next_due() const;

private:
  std::map<child_key, time_point> firsts_;
  std::map<child_key, time_point> others_;
  std::set<std::pair<time_point, child_key>> others_due_; // the same, by time
};

} // namespace weir::internal
