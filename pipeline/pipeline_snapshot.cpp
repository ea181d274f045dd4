#include <weir/dead_letters/held_keys.hpp>
#include <weir/pipeline/pipeline_snapshot.hpp>
#include <weir/pipeline/pipeline_workers.hpp>
#include <weir/pipeline/supervisor_actor.hpp>
#include <weir/stages/histogram.hpp>

#include <algorithm>
#include <utility>

namespace weir {

namespace {

/// What the workers of one stage add up to.
class stage_sum {
public:
  explicit stage_sum(stage_snapshot& into) : into_{into} {}

  void add(const worker& one, std::span<const std::shared_ptr<ring_base>> mailbox) {
    const auto& counted = one.counters();
    into_.processed += counted.processed;
    into_.failed += counted.failed;
    into_.dead_lettered += counted.dead_lettered;
    busy_ += static_cast<double>(counted.busy_ns);
    blocked_ += static_cast<double>(counted.blocked_ns);
    idle_ += static_cast<double>(counted.idle_ns);
    for (const auto& ring : mailbox)
      into_.backlog += ring->size();
    into_.backlog_max = std::max<std::uint64_t>(into_.backlog_max, counted.backlog_max);
    latency_.add(counted.latency);
    into_.abandoned += one.abandoned_ever();
    if (auto last = one.last_failure(); !last.empty())
      into_.last_failure = std::move(last);
  }

  void finish() {
    if (const auto time = busy_ + blocked_ + idle_; time > 0) {
      into_.busy = busy_ / time;
      into_.blocked = blocked_ / time;
      into_.idle = idle_ / time;
    }
    into_.latency_p50 = latency_.quantile(0.5);
    into_.latency_p99 = latency_.quantile(0.99);
  }

private:
  stage_snapshot& into_;
  histogram latency_;
  double busy_ = 0; // nanoseconds
  double blocked_ = 0;
  double idle_ = 0;
};

void add_keys(stage_snapshot& one, const held_keys& keys) {
  one.keys_held = keys.keys();
  one.keys_letters = keys.letters();
  if (keys.full())
    one.waits_for = "its " + std::to_string(one.keys_letters) + " dead letters of "
                    + std::to_string(one.keys_held)
                    + " held keys to be replayed or purged (held_max "
                    + std::to_string(keys.options().held_max) + ")";
}

} // namespace

void pipeline_snapshot::add(const graph_stage& stage, const pipeline_workers& workers,
                            const supervisor_actor& supervisor, const held_keys* keys) {
  const auto first = workers.first_of(stages.size());
  auto& one = stages.emplace_back();
  one.stage = stage.name;
  one.kind = stage.kind;
  one.mailbox_capacity = stage.kind == stage_kind::source ? 0 : stage.options.mailbox_capacity;
  stage_sum sum{one};
  for (auto n = first; n < first + stage.options.workers; ++n) {
    sum.add(workers[n], workers.mailbox(n));
    one.restarts += supervisor.restarts(n);
    for (const auto since : workers[n].abandoned_since())
      abandoned.push_back({stage.name, workers[n].name(), since});
  }
  sum.finish();
  if (keys != nullptr)
    add_keys(one, *keys);
}

} // namespace weir
