#include <weir/supervision/stop_schedule.hpp>

#include <algorithm>

namespace weir::internal {

using std::chrono::milliseconds;

namespace {

milliseconds longest_of(std::span<const stop_schedule::claim> group) {
  milliseconds longest{0};
  for (const auto& one : group)
    longest = std::max(longest, one.time);
  return longest;
}

} // namespace

void stop_schedule::queue(std::span<const claim> group, time_point now) {
  const auto stop_by = now + longest_of(group);
  milliseconds most{0};
  for (const auto& one : group) {
    most = std::max(most, one.time);
    const auto at_latest = order_ == child_order::at_once ? now : stop_by - most / 2;
    all_[one.child] = {phase::queued, at_latest, stop_by, now};
    queued_.insert(one.child);
    queued_at_latest_.insert({at_latest, one.child});
  }
}

std::optional<supervisor_step> stop_schedule::next(time_point now) const {
  using kind = supervisor_step::kind;
  if (!queued_.empty() && !is_barred()
      && (deadlines_.empty() || queued_at_latest_.begin()->first <= now))
    return supervisor_step{kind::stop, *queued_.rbegin()};
  if (deadlines_.empty() || deadlines_.begin()->first > now)
    return std::nullopt;
  const auto late = deadlines_.begin()->second;
  return supervisor_step{is_killed(late) ? kind::abandon : kind::kill, late};
}

std::optional<time_point> stop_schedule::next_due() const {
  auto next = time_point::max();
  if (!queued_at_latest_.empty() && !is_barred())
    next = queued_at_latest_.begin()->first;
  if (!deadlines_.empty())
    next = std::min(next, deadlines_.begin()->first);
  return next == time_point::max() ? std::nullopt : std::optional{next};
}

void stop_schedule::told(child_key child, std::optional<milliseconds> limit, bool is_barrier,
                         time_point now) {
  auto& one = all_[child];
  take_out(child, one);
  one.now = phase::told;
  one.at_latest = limit ? std::min(now + *limit, one.stop_by) : time_point::max();
  one.since_order = now;
  deadlines_.insert({one.at_latest, child});
  if (is_barrier)
    barriers_.insert(child);
}

void stop_schedule::killed(child_key child, child_type type, time_point now) {
  auto& one = all_[child];
  take_out(child, one);
  barriers_.erase(child);
  one.now = phase::killed;
  // A supervisor is gone as soon as its own children are, each of which is killed or abandoned.
  one.at_latest = type == child_type::supervisor ? time_point::max() : now + kill_grace;
  deadlines_.insert({one.at_latest, child});
}

void stop_schedule::gone(child_key child, time_point now) {
  lift_barrier(child, now);
  take_out(child, all_.at(child));
  all_.erase(child);
}

/// Takes a child out of whatever it stands in by its time.
void stop_schedule::take_out(child_key child, const entry& one) {
  queued_.erase(child);
  queued_at_latest_.erase({one.at_latest, child});
  deadlines_.erase({one.at_latest, child});
}

/// Does the next to be told wait for one without a limit?
bool stop_schedule::is_barred() const {
  return !queued_.empty() && !barriers_.empty() && *barriers_.rbegin() > *queued_.rbegin();
}

/// Those that waited for a child without a limit have their time from now on.
void stop_schedule::lift_barrier(child_key child, time_point now) {
  if (barriers_.erase(child) == 0)
    return;
  const auto told_at = all_.at(child).since_order;
  for (const auto key : queued_) {
    if (key > child)
      break;
    auto& one = all_.at(key);
    const auto taken = now - std::max(one.since_order, told_at);
    queued_at_latest_.erase({one.at_latest, key});
    one.at_latest += taken;
    one.stop_by += taken;
    queued_at_latest_.insert({one.at_latest, key});
  }
}

milliseconds stop_schedule::time_for(std::span<const claim> group) const {
  const auto longest = longest_of(group);
  auto whole = longest;
  milliseconds most{0};
  for (const auto& one : group) {
    most = std::max(most, one.time);
    if (one.whole && order_ == child_order::one_by_one)
      whole = std::max(whole, longest - most / 2 + one.time);
  }
  return whole;
}

} // namespace weir::internal
