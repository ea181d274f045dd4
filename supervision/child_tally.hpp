#pragma once

#include <weir/supervision/supervised_child.hpp>

#include <cstddef>

namespace weir::internal {

/// How many children of a supervisor do what, so that no decision has to look at all of them.
///
/// Owner: supervisor_state, which takes a child out before its state changes and puts it in again after that.
/// Invariants: each number is that of the children that are in; a child that is down or has ended counts nowhere.
class child_tally {
public:
  void put(const supervised_child& child) { count(child, true); }
  void take(const supervised_child& child) { count(child, false); }

  /// Is any child starting, running or stopping?
  bool any_alive() const { return alive_ > 0; }
  /// Is any child starting, with all or again? Not one that somebody asked for.
  bool any_starting() const { return starting_ > 0; }
  /// Is any child starting with all?
  bool any_first_starting() const { return starting_first_ > 0; }
  /// Has every child been started that was to start with all, or become something else meanwhile?
  bool all_started() const { return never_started_ == 0; }

private:
  void count(const supervised_child& child, bool more);

  std::size_t alive_ = 0;
  std::size_t starting_ = 0;
  std::size_t starting_first_ = 0;
  std::size_t never_started_ = 0;
};

} // namespace weir::internal
