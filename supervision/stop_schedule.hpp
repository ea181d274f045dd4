#pragma once

#include <weir/supervision/child_key.hpp>
#include <weir/supervision/child_order.hpp>
#include <weir/supervision/child_spec.hpp>
#include <weir/supervision/supervisor_step.hpp>
#include <weir/supervision/time_point.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

namespace weir::internal {

/// The children of a supervisor that are to stop: when each of them is told to, killed, and abandoned.
///
/// All that are queued together share a time: that of the one which may take longest. One by one, each is told when
/// those behind it are gone; but at the latest when no more is left than half of what it or one before it may take. So
/// one that hangs costs its neighbours at most half of their time, and nobody's time adds up. One without a limit is a
/// barrier: those before it wait for it, and the time that it takes is not theirs.
///
/// | phase \ event | its turn, or its latest | its time is over | gone   |
/// |---------------|-------------------------|------------------|--------|
/// | queued        | → told, or → killed     | –                | leaves |
/// | told          | –                       | → killed         | leaves |
/// | killed        | –                       | is abandoned     | leaves |
///
/// Owner: supervisor_state, which tells what it did with each step of `next`.
/// Invariants: the children that are in it are those whose state is stopping; each is queued, or has a deadline.
class stop_schedule {
public:
  /// After a kill, a worker has so long until it is abandoned.
  static constexpr std::chrono::milliseconds kill_grace{1000};

  /// How long a child may take.
  struct claim {
    child_key child;
    std::chrono::milliseconds time; ///< 0 if that has no limit
    /// It has all of its time even if it is told late: a supervisor, whose children need it.
    bool whole = false;
  };

  explicit stop_schedule(child_order order) : order_{order} {}

  /// These are to stop, the last first. In the order of their keys.
  void queue(std::span<const claim> group, time_point now);

  /// The next thing to be done at `now`: stop, kill or abandon. It comes again until `told`, `killed` or `gone` says
  /// that it was.
  std::optional<supervisor_step> next(time_point now) const;
  /// When `next` is next to be asked.
  std::optional<time_point> next_due() const;

  /// It was told to stop: it has `limit`, but no longer than those it was queued with. Without a limit it may be a
  /// barrier. It need not have been queued.
  void told(child_key child, std::optional<std::chrono::milliseconds> limit, bool is_barrier,
            time_point now);
  void killed(child_key child, child_type type, time_point now);
  /// It has stopped, or was abandoned.
  void gone(child_key child, time_point now);

  bool empty() const { return all_.empty(); }
  /// Requires that it is to stop.
  bool is_killed(child_key child) const { return all_.at(child).now == phase::killed; }

  /// How long a stop of these would take, in the order of their keys.
  std::chrono::milliseconds time_for(std::span<const claim> group) const;

private:
  enum class phase { queued, told, killed };
  struct entry {
    phase now = phase::queued;
    time_point at_latest{};                // when it is told, or killed, or abandoned
    time_point stop_by{time_point::max()}; // the time of the group
    time_point since_order{};              // when it was queued, and then: told
  };
  using by_time = std::set<std::pair<time_point, child_key>>;

  void take_out(child_key child, const entry& one);
  bool is_barred() const;
  void lift_barrier(child_key child, time_point now);

  child_order order_;
  std::map<child_key, entry> all_;
  std::set<child_key> queued_;
  by_time queued_at_latest_;     // the same, by time
  by_time deadlines_;            // of those told or killed
  std::set<child_key> barriers_; // told, with no limit: those before them wait for them
};

} // namespace weir::internal
