#include <weir/pipeline/running_pipeline.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <stdexcept>
#include <utility>

namespace weir {

namespace {

std::string name_of_worker(const graph_stage& stage, std::uint32_t index) {
  return stage.options.workers == 1 ? stage.name : stage.name + "/" + std::to_string(index);
}

/// Whoever looks on must not bring down what he looks at.
template <class... Args>
std::function<void(Args...)> unthrowing(std::function<void(Args...)> tell) {
  return [tell = std::move(tell)](Args... args) {
    try {
      tell(args...);
    } catch (...) {
    }
  };
}

} // namespace

running_pipeline::running_pipeline(pipeline definition, runtime& node, pipeline_observer watcher,
                                   flight_recorder* recorder)
    : plan_{std::move(definition.plan_)},
      node_{node},
      watcher_{unthrowing(std::move(watcher.worker_failed)), unthrowing(std::move(watcher.ended)),
               unthrowing(std::move(watcher.replay))},
      services_{.node = node,
                .pipeline = plan_->graph.name,
                .books = {},
                .dead_letters = nullptr,
                .replays = nullptr,
                .stopping = {},
                .recorder = recorder} {}

running_pipeline::~running_pipeline() {
  if (!started_)
    return;
  abort();
  wait();
}

result<void> running_pipeline::start() {
  if (started_)
    return fatal("pipeline '" + name() + "' was started already");
  auto problems = plan_->graph.problems();
  if (plan_->replay.look_every < std::chrono::seconds{1})
    problems.push_back("pipeline '" + plan_->graph.name
                       + "': replay.look_every must be at least 1 s");
  if (plan_->replay.look_every > duration_max)
    problems.push_back("pipeline '" + plan_->graph.name
                       + "': replay.look_every must not be longer than a year, but is "
                       + std::to_string(plan_->replay.look_every.count()) + " ms");
  if (!problems.empty()) {
    failure why{.kind = failure_kind::fatal, .chain = std::move(problems), .retry_after = {}};
    why.chain.insert(why.chain.begin(), "pipeline '" + plan_->graph.name + "' can't run");
    return why;
  }
  if (plan_->dead_letters) {
    result<void> opened;
    try {
      opened = plan_->dead_letters->open();
    } catch (...) {
      opened = describe_current_exception();
    }
    if (!opened)
      return std::move(opened.error()).within("the dead letters can't be kept");
    dead_letters_ = std::make_unique<dead_letter_actor>(
        node_, services_.books, plan_->dead_letters, [this](std::optional<failure> crash) {
          if (replays_)
            replays_->letters_finished();
          if (!crash) {
            watcher_.ended();
            return;
          }
          fail(std::move(*crash)); // nobody would take what its workers have to dead-letter
        });
    services_.dead_letters = dead_letters_.get();
  }
  result<void> read;
  try {
    read = read_held_keys();
  } catch (...) {
    read = describe_current_exception();
  }
  if (!read) {
    keys_.clear();
    return std::move(read.error()).within("the held keys can't be read");
  }
  try {
    wire();
  } catch (...) {
    keys_.clear();
    permits_.clear();
    workers_.clear();
    first_worker_.clear();
    mailboxes_.clear();
    return describe_current_exception().within("pipeline '" + plan_->graph.name
                                               + "' can't be started");
  }
  started_ = true;
  return spawn();
}

/// All its actors, or none: where one can't be spawned, those before it end at once.
result<void> running_pipeline::spawn() {
  const actor* next = nullptr;
  bool supervised = false;
  auto left = workers_.size();
  const auto spawn_one = [&](actor& who, execution how) {
    next = &who;
    node_.spawn(who, how);
  };
  try {
    spawn_one(*supervisor_, execution::shared);
    supervised = true;
    if (dead_letters_)
      spawn_one(*dead_letters_, execution::own_thread);
    if (replays_)
      spawn_one(*replays_, execution::own_thread);
    // Every worker builds its function before the sources begin: they are first in the order, so last here.
    for (; left > 0; --left) {
      auto& one = *workers_[left - 1];
      const auto stage = static_cast<std::size_t>(std::ranges::upper_bound(first_worker_, left - 1)
                                                  - first_worker_.begin() - 1);
      one.start();
      spawn_one(one, plan_->graph.stages[stage].options.execution);
    }
    return {};
  } catch (...) {
    supervisor_->abort();
    abort_workers();
    if (supervised)
      supervisor_->never_spawned(left);
    else
      settle_end(state::finished, {}); // it has no turns to do it in
    auto why = describe_current_exception()
                   .within("'" + next->name() + "' can't be given its turns")
                   .within("pipeline '" + name() + "' can't be started");
    {
      const std::lock_guard lock{lock_};
      why_ = why;
    }
    wait();
    return why;
  }
}

/// Makes rings, steppers and workers from the plan. Throws why it can't.
void running_pipeline::wire() {
  const auto& graph = plan_->graph;
  auto partitions = read_partitions(); // first: a source may not be able to say where it begins
  std::vector<std::vector<ports>> all(graph.stages.size());
  for (std::size_t k = 0; k < graph.stages.size(); ++k) {
    all[k].resize(graph.stages[k].options.workers);
    for (auto& one : all[k])
      one.out.resize(graph.stages[k].legs);
  }
  const auto rings = wire_rings(all);
  wire_replay(all);
  make_supervisor();
  for (std::size_t k = 0; k < graph.stages.size(); ++k)
    make_workers(k, all[k], std::move(partitions[k]));
  for (const auto& one : rings) {
    one.ring->set_producer(workers_[first_worker_[one.from] + one.from_worker].get());
    one.ring->set_consumer(workers_[first_worker_[one.to] + one.to_worker].get());
  }
  std::vector<worker*> workers;
  for (const auto& one : workers_)
    workers.push_back(one.get());
  supervisor_->set_workers(std::move(workers));
  if (services_.recorder != nullptr)
    record();
}

/// Where each source begins. What is settled is known by the name of a partition, so two can't have the same.
std::vector<partition_start> running_pipeline::read_partitions() const {
  const auto& stages = plan_->graph.stages;
  std::vector<partition_start> partitions(stages.size());
  std::map<std::string, std::string> stage_of;
  for (std::size_t k = 0; k < stages.size(); ++k) {
    if (stages[k].kind != stage_kind::source)
      continue;
    partitions[k] = plan_->stages[k].partition();
    const auto& partition = partitions[k].name;
    if (partition == acknowledgement::replay_partition_name)
      throw std::runtime_error{"stage '" + stages[k].name + "': '" + partition
                               + "' is the partition of what is replayed; give it another one"};
    if (const auto [other, is_new] = stage_of.try_emplace(partition, stages[k].name); !is_new)
      throw std::runtime_error{"stages '" + other->second + "' and '" + stages[k].name
                               + "' have the same partition '" + partition + "'"};
  }
  return partitions;
}

std::vector<running_pipeline::wired>
running_pipeline::wire_rings(std::vector<std::vector<ports>>& all) const {
  const auto& graph = plan_->graph;
  std::vector<wired> rings;
  for (std::size_t k = 0; k < graph.edges.size(); ++k) {
    const auto& edge = graph.edges[k];
    const auto& target = graph.stages[edge.to].options;
    const auto capacity = target.mailbox_capacity / graph.rings_into(edge.to);
    for (std::uint32_t from = 0; from < graph.stages[edge.from].options.workers; ++from) {
      auto& leg = all[edge.from][from].out[edge.leg];
      leg.how = edge.how;
      leg.key = plan_->edges[k].key;
      for (std::uint32_t to = 0; to < target.workers; ++to) {
        if (edge.how == spread::straight && from != to)
          continue;
        auto ring = plan_->edges[k].ring(capacity);
        leg.rings.push_back(ring);
        all[edge.to][to].in.push_back(ring);
        rings.push_back({std::move(ring), edge.from, from, edge.to, to});
      }
    }
  }
  return rings;
}

/// Its children are the workers, in their order.
void running_pipeline::make_supervisor() {
  std::vector<child_spec> children;
  for (const auto& stage : plan_->graph.stages)
    for (std::uint32_t k = 0; k < stage.options.workers; ++k)
      children.push_back({.id = name_of_worker(stage, k)});
  supervisor_ = std::make_unique<supervisor_actor>(
      name(), node_, plan_->graph.supervision, children,
      supervisor_actor::events{
          .worker_failed = watcher_.worker_failed,
          .escalated = [this](const failure& why) { settle_end(state::failed, why); },
          .all_finished = [this] { settle_end(state::finished, {}); }});
}

void running_pipeline::make_workers(std::size_t stage, const std::vector<ports>& where,
                                    partition_start begins) {
  const auto& one = plan_->graph.stages[stage];
  permits_.push_back(std::make_unique<token_bucket>(one.options.rate, node_.now()));
  std::uint32_t partition = 0;
  if (one.kind == stage_kind::source)
    partition = services_.books.add_partition(std::move(begins.name), begins.resume_after);
  first_worker_.push_back(workers_.size());
  for (std::uint32_t n = 0; n < one.options.workers; ++n) {
    auto* const replays = where[n].replays;
    mailboxes_.push_back(where[n].in);
    if (replays != nullptr)
      mailboxes_.back().pop_back(); // has a capacity of its own
    workers_.push_back(std::make_unique<worker>(
        name_of_worker(one, n), services_, *supervisor_, workers_.size(), one.name, n, one.options,
        *permits_.back(), plan_->stages[stage].make(where[n], partition)));
    workers_.back()->last_put = begins.resume_after;
    workers_.back()->set_keys(keys_[stage].get());
    if (replays != nullptr)
      replays->set_consumer(workers_.back().get());
  }
}

/// Gives every worker that can have an item in hand its slots in the flight recorder. Throws why it can't.
void running_pipeline::record() {
  auto& recorder = *services_.recorder;
  const auto& stages = plan_->graph.stages;
  std::vector<std::string> partitions;
  partitions.reserve(services_.books.partitions_count());
  for (std::uint32_t k = 0; k < services_.books.partitions_count(); ++k) {
    partitions.push_back(services_.books.partition_at(k).name());
    services_.partition_keys.push_back(flight_key(name(), partitions.back()));
  }
  const auto slots_of = [](const graph_stage& one) -> std::uint32_t {
    if (one.kind == stage_kind::source || (one.kind == stage_kind::batch && !one.closed_by_item))
      return 0;
    return one.waits || one.options.outside_of_slices() ? one.options.in_flight_max : 1;
  };
  std::vector<flight_recorder::stage_hands> hands;
  hands.reserve(stages.size());
  for (const auto& one : stages)
    hands.push_back({one.name, slots_of(one) * one.options.workers});
  auto slots = recorder.add(name(), hands, partitions);
  if (!slots)
    throw std::runtime_error{slots.error().message()};
  for (std::size_t k = 0; k < stages.size(); ++k) {
    const auto each = slots_of(stages[k]);
    for (std::uint32_t n = 0; n < stages[k].options.workers && each > 0; ++n) {
      workers_[first_worker_[k] + n]->record_in(slots->first(each));
      *slots = slots->subspan(each);
    }
    if (each > 0)
      for (std::uint32_t partition = 0; partition < partitions.size(); ++partition)
        if (!services_.books.is_replayed({partition, 0})) // its suspects come as they are replayed
          recorder.suspects().watch(flight_key(name(), stages[k].name),
                                    services_.partition_keys[partition],
                                    services_.books.partition_at(partition).last_admitted());
  }
}

/// Gives every worker of a stage that takes dead letters back one ring more.
void running_pipeline::wire_replay(std::vector<std::vector<ports>>& all) {
  const auto& graph = plan_->graph;
  auto* const queue = dynamic_cast<dead_letter_queue*>(plan_->dead_letters.get());
  if (queue == nullptr)
    return;
  replays_ = std::make_unique<replay_actor>(
      node_, services_.books, graph.name, plan_->dead_letters, *queue, plan_->replay,
      services_.recorder,
      [this](std::optional<failure> crash) {
        if (crash)
          fail(std::move(*crash)); // nobody would let go what waits for a replay
        else
          watcher_.ended();
      },
      watcher_.replay);
  services_.replays = replays_.get();
  dead_letters_->set_counts_again(*replays_);
  std::vector<replay_actor::stage> stages;
  for (std::size_t k = 0; k < graph.stages.size(); ++k) {
    stages.push_back({.name = graph.stages[k].name,
                      .input = graph.stages[k].input,
                      .inlet = nullptr,
                      .keys = keys_[k].get(),
                      .inputs_left = keys_[k] ? all[k].size() : 0,
                      .keyed_behind = {}});
    const auto& parts = plan_->stages[k].replay;
    for (auto& one : all[k])
      one.hold_key = plan_->stages[k].hold_key;
    if (!parts.ring || !graph.stages[k].may_dead_letter())
      continue;
    replay_ports where;
    for (std::size_t e = 0; e < graph.edges.size(); ++e)
      if (graph.edges[e].to == k && graph.edges[e].how != spread::any) {
        where.how = graph.edges[e].how;
        where.key = plan_->edges[e].key;
      }
    for (auto& one : all[k]) {
      where.rings.push_back(parts.ring());
      one.in.push_back(where.rings.back());
      one.replays = where.rings.back().get();
    }
    stages.back().inlet = parts.inlet(std::move(where));
  }
  for (auto k = stages.size(); k-- > 0;) // a stage comes after those before it
    for (const auto& edge : graph.edges)
      if (edge.from == k) {
        auto& behind = stages[k].keyed_behind;
        behind.insert(stages[edge.to].keyed_behind.begin(), stages[edge.to].keyed_behind.end());
        if (keys_[edge.to])
          behind.insert(edge.to);
      }
  const auto sources = std::ranges::count(graph.stages, stage_kind::source, &graph_stage::kind);
  replays_->set_stages(std::move(stages), static_cast<std::size_t>(sources));
}

/// Keys that have letters from an earlier life are held from the start.
result<void> running_pipeline::read_held_keys() {
  const auto& graph = plan_->graph;
  auto* const queue = dynamic_cast<dead_letter_queue*>(plan_->dead_letters.get());
  for (const auto& stage : graph.stages) {
    keys_.emplace_back();
    if (!stage.held_max)
      continue;
    if (queue == nullptr)
      return fatal("stage '" + stage.name
                   + "' has hold_key, which needs a store of dead letters that can be read");
    keys_.back() = std::make_unique<held_keys>(hold_key_options{.held_max = *stage.held_max});
    std::map<std::string, std::deque<resume_point>> found;
    auto shown = for_each_letter(*queue, {.pipeline = graph.name, .stage = stage.name},
                                 [&](const dead_letter& one) -> result<void> {
                                   if (!one.key.empty())
                                     found[one.key].push_back({one.source, one.position});
                                   return {};
                                 });
    if (!shown)
      return std::move(shown.error());
    for (auto& [key, letters] : found)
      keys_.back()->found(key, std::move(letters));
  }
  return {};
}

result<std::shared_ptr<replay_run>> running_pipeline::replay(dead_letter_filter filter,
                                                             replay_options options) {
  if (!started_)
    return transient("pipeline '" + name() + "' does not run");
  if (!replays_)
    return poison("pipeline '" + name() + "' has no store of dead letters that can be read");
  return replays_->replay(std::move(filter), std::move(options));
}

void running_pipeline::look_for_replays() {
  if (replays_)
    replays_->look();
}

void running_pipeline::drain() {
  services_.stopping.request_stop();
  if (replays_)
    replays_->stop();
  for (std::size_t k = 0; k < plan_->graph.stages.size(); ++k)
    if (plan_->graph.stages[k].kind == stage_kind::source && k < first_worker_.size())
      workers_[first_worker_[k]]->wake();
}

void running_pipeline::abort_workers() {
  services_.stopping.request_stop();
  for (const auto& one : workers_)
    one->abort();
  if (dead_letters_)
    dead_letters_->abort();
  if (replays_)
    replays_->abort();
}

void running_pipeline::abort() {
  if (!started_)
    return;
  bool over = false;
  {
    const std::lock_guard lock{lock_};
    over = workers_finished_;
    if (!over && !why_)
      why_ = fatal("aborted");
  }
  if (!over) {
    supervisor_->abort();
    abort_workers();
  } else if (replays_) {
    replays_->abort(); // which may still have something to tell a store that doesn't answer
  }
}

void running_pipeline::kill(std::size_t worker) { workers_[worker]->kill(); }

/// In the last turn of a dead-letter actor or a replay actor that crashed.
void running_pipeline::fail(failure why) {
  supervisor_->abort();
  settle_end(state::failed, std::move(why));
}

/// In turns of the supervisor, while it has any, and in fail.
void running_pipeline::settle_end(state how, std::optional<failure> why) {
  if (how == state::failed) {
    {
      const std::lock_guard lock{lock_};
      if (!why_)
        why_ = std::move(*why).within("pipeline '" + name() + "'");
    }
    abort_workers();
    watcher_.ended();
    return;
  }
  if (dead_letters_)
    dead_letters_->close();
  if (replays_)
    replays_->workers_finished();
  {
    const std::lock_guard lock{lock_};
    workers_finished_ = true;
    changed_.notify_all();
  }
  watcher_.ended();
}

std::optional<running_pipeline::state>
running_pipeline::wait_for_end(std::optional<time_point> deadline) {
  {
    std::unique_lock lock{lock_};
    if (!node_.wait(lock, changed_, deadline, [this] { return workers_finished_; }))
      return std::nullopt;
    if (stopped_)
      return why_ ? state::failed : state::finished;
  }
  // What was dead-lettered last may still be on its way into a store that does not work.
  const auto ends_in_time = [&](actor& who) {
    if (deadline)
      return node_.join_until(who, *deadline);
    node_.join(who);
    return true;
  };
  if (dead_letters_ && !ends_in_time(*dead_letters_))
    return std::nullopt;
  if (replays_ && !ends_in_time(*replays_))
    return std::nullopt;
  for (const auto& one : workers_)
    node_.join(*one);
  node_.join(*supervisor_);
  // What is left of the workers' runs is behind us then; but for one that was abandoned, which may never be.
  if (std::ranges::all_of(workers_, [](const auto& one) { return one->abandoned_since().empty(); }))
    node_.settle_io();
  if (services_.recorder != nullptr)
    services_.note_settled();
  const std::lock_guard lock{lock_};
  stopped_ = true;
  return why_ ? state::failed : state::finished;
}

std::optional<running_pipeline::state> running_pipeline::wait_until(time_point deadline) {
  return wait_for_end(deadline);
}

running_pipeline::state running_pipeline::wait() { return *wait_for_end({}); }

bool running_pipeline::workers_have_finished() const {
  const std::lock_guard lock{lock_};
  return workers_finished_;
}

failure running_pipeline::why() const {
  const std::lock_guard lock{lock_};
  return why_.value_or(failure{});
}

std::vector<dead_letter_count> running_pipeline::dead_letter_causes() const {
  return dead_letters_ ? dead_letters_->causes() : std::vector<dead_letter_count>{};
}

pipeline_snapshot running_pipeline::snapshot() const {
  pipeline_snapshot all;
  all.pipeline = plan_->graph.name;
  all.ledger = services_.books.totals();
  all.settled_twice = services_.books.settled_twice();
  if (dead_letters_) {
    all.dead_letters_waiting = dead_letters_->waiting();
    all.dead_letters_trouble = dead_letters_->trouble();
  }
  if (replays_) {
    all.replays_in_flight = replays_->in_flight();
    if (all.dead_letters_trouble.empty())
      all.dead_letters_trouble = replays_->trouble();
  }
  if (services_.recorder != nullptr && services_.recorder->last_life().died)
    all.last_death = services_.recorder->last_life().deaths.back();
  for (std::size_t k = 0; k < first_worker_.size(); ++k) {
    const auto& stage = plan_->graph.stages[k];
    stage_snapshot one;
    one.stage = stage.name;
    one.kind = stage.kind;
    one.mailbox_capacity = stage.kind == stage_kind::source ? 0 : stage.options.mailbox_capacity;
    histogram latency;
    double busy = 0;
    double blocked = 0;
    double idle = 0;
    for (std::size_t n = 0; n < stage.options.workers; ++n) {
      const auto& each = *workers_[first_worker_[k] + n];
      const auto& counted = each.counters();
      one.processed += counted.processed;
      one.failed += counted.failed;
      one.dead_lettered += counted.dead_lettered;
      one.restarts += supervisor_->restarts(first_worker_[k] + n);
      busy += static_cast<double>(counted.busy_ns);
      blocked += static_cast<double>(counted.blocked_ns);
      idle += static_cast<double>(counted.idle_ns);
      for (const auto& ring : mailboxes_[first_worker_[k] + n])
        one.backlog += ring->size();
      one.backlog_max = std::max<std::uint64_t>(one.backlog_max, counted.backlog_max);
      latency.add(counted.latency);
      one.abandoned += each.abandoned_ever();
      for (const auto since : each.abandoned_since())
        all.abandoned.push_back({stage.name, each.name(), since});
      if (auto last = each.last_failure(); !last.empty())
        one.last_failure = std::move(last);
    }
    if (const auto* keys = keys_[k].get(); keys != nullptr) {
      one.keys_held = keys->keys();
      one.keys_letters = keys->letters();
      if (keys->full())
        one.waits_for = "its " + std::to_string(one.keys_letters) + " dead letters of "
                        + std::to_string(one.keys_held)
                        + " held keys to be replayed or purged (held_max "
                        + std::to_string(keys->options().held_max) + ")";
    }
    if (const auto time = busy + blocked + idle; time > 0) {
      one.busy = busy / time;
      one.blocked = blocked / time;
      one.idle = idle / time;
    }
    one.latency_p50 = latency.quantile(0.5);
    one.latency_p99 = latency.quantile(0.99);
    all.stages.push_back(std::move(one));
  }
  return all;
}

} // namespace weir
