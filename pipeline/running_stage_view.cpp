#include <weir/pipeline/running_stage.hpp>
#include <weir/pipeline/supervisor_actor.hpp>

#include <algorithm>
#include <utility>

// What can be seen of a stage.

namespace weir::internal {

namespace {

/// What the workers of one stage add up to.
void add(stage_view& all, const worker_view& one) {
  all.processed += one.processed;
  all.failed += one.failed;
  all.dead_lettered += one.dead_lettered;
  all.restarts += one.restarts;
  all.busy += static_cast<double>(one.busy.count()); // nanoseconds, until they are all there
  all.blocked += static_cast<double>(one.blocked.count());
  all.idle += static_cast<double>(one.idle.count());
  all.backlog += one.backlog;
  all.backlog_max = std::max(all.backlog_max, one.backlog_max);
  all.abandoned += one.abandoned;
  if (!one.last_failure.empty())
    all.last_failure = one.last_failure;
}

/// Makes shares of the times.
void share_out(stage_view& all) {
  const auto time = all.busy + all.blocked + all.idle;
  for (auto* const one : {&all.busy, &all.blocked, &all.idle})
    *one = time > 0 ? *one / time : 0;
}

void add_limits(stage_view& all, const stage_options& now) {
  all.rate = now.rate;
  all.in_flight_max = now.in_flight_max;
  all.retry_attempts = now.retry.attempts;
  all.timeout = now.timeout;
  all.item_time_max = now.item_time_max;
}

void add_keys(stage_view& all, const held_keys& keys) {
  all.keys_held = keys.keys();
  all.keys_letters = keys.letters();
  if (keys.full())
    all.waits_for = "its " + std::to_string(all.keys_letters) + " dead letters of "
                    + std::to_string(all.keys_held)
                    + " held keys to be replayed or purged (held_max "
                    + std::to_string(keys.options().held_max) + ")";
}

} // namespace

worker_view running_stage::view_of(std::size_t index, const supervisor_actor& supervisor) const {
  const auto& [runs, mailbox] = workers_[index];
  worker_view one;
  one.name = runs->name();
  one.number = first_ + index;
  const auto does = runs->does(); // before its state, which changes first
  one.does = does.what;
  one.since = does.since;
  one.state = runs->now_is();
  const auto& counted = runs->counters();
  one.processed = counted.processed;
  one.failed = counted.failed;
  one.dead_lettered = counted.dead_lettered;
  one.busy = std::chrono::nanoseconds{static_cast<std::int64_t>(counted.busy_ns.load())};
  one.blocked = std::chrono::nanoseconds{static_cast<std::int64_t>(counted.blocked_ns.load())};
  one.idle = std::chrono::nanoseconds{static_cast<std::int64_t>(counted.idle_ns.load())};
  for (const auto& ring : mailbox)
    one.backlog += ring->size();
  one.backlog_max = counted.backlog_max;
  one.restarts = supervisor.restarts(one.number);
  one.last_restarts = supervisor.last_restarts(one.number);
  one.last_failure = runs->last_failure();
  one.abandoned = runs->abandoned_ever();
  one.abandoned_since = runs->abandoned_since();
  return one;
}

stage_view running_stage::view(const supervisor_actor& supervisor) const {
  stage_view all;
  all.stage = described_.name;
  all.kind = described_.kind;
  all.mailbox_capacity =
      described_.kind == stage_kind::source ? 0 : described_.options.mailbox_capacity;
  all.paused = limits_.paused();
  add_limits(all, options());
  histogram latency;
  for (std::size_t n = 0; n < workers_.size(); ++n) {
    all.workers.push_back(view_of(n, supervisor));
    add(all, all.workers.back());
    latency.add(workers_[n].runs->counters().latency);
  }
  share_out(all);
  all.latency_p50 = latency.quantile(0.5);
  all.latency_p99 = latency.quantile(0.99);
  all.latency = latency.buckets();
  if (keys_)
    add_keys(all, *keys_);
  return all;
}

} // namespace weir::internal
