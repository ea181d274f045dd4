#include <weir/dead_letters/store_answer.hpp>
#include <weir/pipeline/recorder_slots.hpp>
#include <weir/pipeline/running_pipeline.hpp>
#include <weir/pipeline/source_partitions.hpp>
#include <weir/pipeline/wiring.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <algorithm>
#include <utility>

namespace weir {

running_pipeline::running_pipeline(pipeline definition, runtime& node,
                                   internal::pipeline_observer watcher,
                                   internal::flight_recorder* recorder)
    : plan_{std::move(definition.plan_)},
      node_{node},
      watcher_{internal::unthrowing(std::move(watcher))},
      services_{.node = node,
                .pipeline = plan_->graph.name,
                .books = {},
                .dead_letters = nullptr,
                .replays = nullptr,
                .stopping = {},
                .recorder = recorder,
                .stage_keys = {},
                .positions = plan_->positions},
      end_{node} {}

running_pipeline::~running_pipeline() {
  if (!started_)
    return;
  abort();
  wait();
}

// --- the start ---------------------------------------------------------------------------------------

result<void> running_pipeline::start() {
  if (started_)
    return fatal("pipeline '" + name() + "' was started already");
  if (auto checked = check(); !checked)
    return checked;
  if (plan_->dead_letters)
    if (auto opened = open_dead_letters(); !opened)
      return opened;
  if (auto made = make_actors(); !made)
    return made;
  started_ = true;
  return spawn();
}

result<void> running_pipeline::check() const {
  auto problems = plan_->graph.problems();
  if (plan_->replay.look_every < std::chrono::seconds{1})
    problems.push_back("pipeline '" + name() + "': replay.look_every must be at least 1 s");
  if (plan_->replay.look_every > duration_max)
    problems.push_back("pipeline '" + name()
                       + "': replay.look_every must not be longer than a year, but is "
                       + std::to_string(plan_->replay.look_every.count()) + " ms");
  if (problems.empty())
    return {};
  problems.insert(problems.begin(), "pipeline '" + name() + "' can't run");
  return failure{.kind = failure_kind::fatal, .chain = std::move(problems), .retry_after = {}};
}

result<void> running_pipeline::open_dead_letters() {
  if (auto opened = internal::store_answer([&] { return plan_->dead_letters->open(); }); !opened)
    return std::move(opened.error()).within("the dead letters can't be kept");
  dead_letters_ = std::make_unique<internal::dead_letter_actor>(
      node_, services_.books, plan_->dead_letters, [this](std::optional<failure> crash) {
        if (replays_)
          replays_->letters_finished();
        if (crash)
          fail(std::move(*crash)); // nobody would take what its workers have to dead-letter
        else
          watcher_.ended();
      });
  services_.dead_letters = dead_letters_.get();
  return {};
}

/// All of them, or why not, and no worker then.
result<void> running_pipeline::make_actors() {
  if (auto made = internal::store_answer([&] { return stages_.make(*plan_, node_.now()); });
      !made) {
    stages_.clear();
    return std::move(made.error()).within("the held keys can't be read");
  }
  try {
    wire();
  } catch (...) {
    stages_.clear();
    return describe_current_exception().within("pipeline '" + name() + "' can't be started");
  }
  return {};
}

/// Makes the actors from the plan, and the rings between them. Throws why it can't.
void running_pipeline::wire() {
  auto partitions = internal::read_partitions(
      *plan_, services_); // first: a source may not be able to say where it begins
  remarks_ = std::move(partitions.remarks);
  internal::wiring wires{*plan_};
  make_replays(wires);
  make_position_keeper();
  make_supervisor();
  stages_.make_workers(*plan_, wires, partitions.of_stages, services_, *supervisor_);
  std::vector<internal::worker*> children;
  stages_.for_each_worker([&](internal::worker& one) { children.push_back(&one); });
  supervisor_->set_workers(std::move(children));
  if (services_.recorder != nullptr)
    recorded_in_ = internal::take_recorder_slots(plan_->graph, stages_, services_);
}

void running_pipeline::give_back_recorder_slots() {
  if (const auto slots = std::exchange(recorded_in_, std::nullopt))
    weir::internal::give_back_recorder_slots(*slots, services_);
}

/// Only where the store can be read.
void running_pipeline::make_replays(internal::wiring& wires) {
  auto* const queue = dynamic_cast<dead_letter_queue*>(plan_->dead_letters.get());
  if (queue == nullptr)
    return;
  replays_ = std::make_unique<internal::replay_actor>(
      node_, services_.books, name(), plan_->dead_letters, *queue, plan_->replay,
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
  const auto sources =
      std::ranges::count(plan_->graph.stages, stage_kind::source, &graph_stage::kind);
  std::vector<internal::held_keys*> keys;
  for (const auto& one : stages_.all())
    keys.push_back(one.keys());
  replays_->set_stages(wires.add_replay(keys), static_cast<std::size_t>(sources));
}

void running_pipeline::make_position_keeper() {
  if (!plan_->positions)
    return;
  positions_ =
      std::make_unique<internal::position_keeper>(services_, [this](std::optional<failure> crash) {
        if (crash)
          fail(std::move(*crash));
        else
          watcher_.ended();
      });
}

/// Its children are the workers, in their order.
void running_pipeline::make_supervisor() {
  std::vector<child_spec> children;
  for (const auto& stage : plan_->graph.stages)
    for (std::uint32_t k = 0; k < stage.options.workers; ++k)
      children.push_back({.id = internal::name_of_worker(stage, k)});
  supervisor_ = std::make_unique<internal::supervisor_actor>(
      name(), node_, plan_->graph.supervision, children,
      internal::supervisor_actor::events{
          .worker_failed = watcher_.worker_failed,
          .escalated = [this](const failure& why) { workers_failed(why); },
          .all_finished = [this] { workers_finished(); }});
}

/// All its actors, or none: where one can't be spawned, those before it end at once.
result<void> running_pipeline::spawn() {
  const actor* next = nullptr;
  bool supervised = false;
  auto left = stages_.workers_count();
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
    if (positions_)
      spawn_one(*positions_, execution::own_thread);
    // Every worker builds its function before the sources begin: they are first in the order, so last here.
    for (; left > 0; --left) {
      auto& one = stages_.worker_at(left - 1);
      one.start();
      spawn_one(one, stages_.stage_of(left - 1).described().options.execution);
    }
    return {};
  } catch (...) {
    supervisor_->abort();
    abort_workers();
    if (supervised)
      supervisor_->never_spawned(left);
    else
      workers_finished(); // it has no turns to do it in
    auto why = describe_current_exception()
                   .within("'" + next->name() + "' can't be given its turns")
                   .within("pipeline '" + name() + "' can't be started");
    end_.fail_to_start(why);
    wait();
    return why;
  }
}

// --- while it runs -----------------------------------------------------------------------------------

void running_pipeline::kill(std::size_t worker) { stages_.worker_at(worker).kill(); }

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

std::vector<dead_letter_count> running_pipeline::dead_letter_causes() const {
  return dead_letters_ ? dead_letters_->causes() : std::vector<dead_letter_count>{};
}

// --- the end -----------------------------------------------------------------------------------------

void running_pipeline::drain() {
  services_.stopping.request_stop();
  if (replays_)
    replays_->stop();
  for (auto& one : stages_.all()) {
    one.resume(); // a drain has to end
    if (one.described().kind == stage_kind::source)
      one[0].wake();
  }
}

void running_pipeline::abort() {
  if (!started_)
    return;
  if (end_.fail_by_abort()) {
    supervisor_->abort();
    abort_workers();
  } else { // they may still have something to tell a store that doesn't answer
    if (replays_)
      replays_->abort();
    if (positions_)
      positions_->abort();
  }
}

void running_pipeline::abort_workers() {
  services_.stopping.request_stop();
  stages_.for_each_worker([](internal::worker& one) { one.abort(); });
  if (dead_letters_)
    dead_letters_->abort();
  if (replays_)
    replays_->abort();
  if (positions_)
    positions_->abort();
}

/// In the last turn of a dead-letter actor or a replay actor that crashed.
void running_pipeline::fail(failure why) {
  supervisor_->abort();
  workers_failed(std::move(why));
}

/// In turns of the supervisor, while it has any, and in fail.
void running_pipeline::workers_failed(failure why) {
  end_.fail(std::move(why).within("pipeline '" + name() + "'"));
  abort_workers();
  watcher_.ended();
}

/// In turns of the supervisor, or where it never had one.
void running_pipeline::workers_finished() {
  if (dead_letters_)
    dead_letters_->close();
  if (replays_)
    replays_->workers_finished();
  if (positions_)
    positions_->close();
  end_.workers_finished();
  watcher_.ended();
}

std::optional<running_pipeline::state>
running_pipeline::wait_for_end(std::optional<time_point> deadline) {
  if (!end_.wait_for_workers(deadline))
    return std::nullopt;
  if (end_.has_stopped())
    return how_it_ended();
  if (!wait_for_actors(deadline))
    return std::nullopt;
  // What is left of the workers' runs is behind us then; but for one that was abandoned, which may never be.
  bool abandoned = false;
  stages_.for_each_worker(
      [&](internal::worker& one) { abandoned = abandoned || !one.abandoned_since().empty(); });
  if (!abandoned)
    node_.settle_io();
  if (services_.recorder != nullptr)
    services_.note_settled();
  if (!abandoned) // else who was left to itself may still have its item in hand
    give_back_recorder_slots();
  end_.everything_stopped();
  return how_it_ended();
}

/// What was dead-lettered last may still be on its way into a store that does not work. Workers and supervisor only
/// have to leave their last turns.
bool running_pipeline::wait_for_actors(std::optional<time_point> deadline) {
  const auto ends_in_time = [&](actor& who) {
    if (deadline)
      return node_.join_until(who, *deadline);
    node_.join(who);
    return true;
  };
  if (dead_letters_ && !ends_in_time(*dead_letters_))
    return false;
  if (replays_ && !ends_in_time(*replays_))
    return false;
  if (positions_ && !ends_in_time(*positions_))
    return false;
  stages_.for_each_worker([this](internal::worker& one) { node_.join(one); });
  node_.join(*supervisor_);
  return true;
}

} // namespace weir
