#include "simulation.hpp"
#include "late_sinks.hpp"
#include "pauses.hpp"
#include "stages.hpp"
#include "world.hpp"

#include <weir/actors/runtime_virtual.hpp>
#include <weir/pipeline/running_pipeline.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

namespace simulation {

using namespace std::chrono_literals;
using weir::testkit::seeded;

namespace {

constexpr std::uint64_t steps_after_heal = 60'000;
constexpr std::uint32_t lives_with_faults = 6;
constexpr auto patience = 10min;         // with a replay
constexpr std::uint32_t mended_max = 20; // lives without faults that were ended for that reason

/// One process: a node with the pipeline, until it ends or crashes.
class life {
public:
  life(const scenario& of, world& in, seeded& schedule, bool simple, std::uint64_t chaos_end,
       outcome& so_far)
      : of_{of},
        in_{in},
        schedule_{schedule},
        simple_{simple},
        chaos_end_{chaos_end},
        so_far_{so_far},
        node_{{.slice_items = [this](std::size_t most) { return slice(most); },
               .letters_waiting_max = of.letters_waiting_max},
              {.job = [this](std::size_t count) { return pick(count); },
               .random = [this] { return schedule_.share(); },
               .helper_delay = [this] { return stuck_for(); }}},
        pipeline_{
            build(), node_, {.worker_failed = [this](const weir::failure& why) { failed(why); }}} {}

  enum class end { finished, failed, crashed, stuck };

  /// With `replay`, all dead letters are put in again.
  end run(bool replay);

private:
  weir::pipeline build();
  void build_segment(weir::pipeline& p, std::optional<weir::flow<thing>>& flow, std::size_t k);
  void build_sink(weir::flow<thing> flow, place at);
  void end_batches(weir::flow<weir::batch<thing>> flow, place at,
                   const weir::stage_options& options);
  void build_sinks_that_share(weir::flow<thing> flow);
  weir::flow<thing> with_keys(weir::flow<thing> flow, place at);
  weir::stage_options options_for(weir::stage_options options, bool waits = false);
  weir::batch_options batch_for(weir::batch_options options);

  std::size_t pick(std::size_t count) { return simple_ ? 0 : schedule_.below(count); }
  std::size_t slice(std::size_t most) {
    if (simple_ || most == 1)
      return most;
    return schedule_.chance(0.3) ? most : schedule_.between(1, std::min<std::size_t>(most, 8));
  }
  weir::clock::duration stuck_for() {
    if (in_.faults.fires(fault::worker_stuck))
      return std::chrono::milliseconds{schedule_.between(5, 5000)};
    if (in_.faults.fires(fault::worker_is_slow)) // less than any limit
      return std::chrono::milliseconds{schedule_.between(1, 9)};
    return std::chrono::milliseconds{0};
  }
  void failed(const weir::failure& why);
  bool healed() const { return in_.faults.healed(); }
  void disturb();
  bool step();
  void others_go_on();
  void resume();
  bool mend();
  void kill(std::size_t worker);
  bool over() const { return pipeline_.workers_have_finished() || !pipeline_.why().chain.empty(); }
  bool all_empty(const std::string& stage) const;
  bool letters_find_no_room() const;
  std::vector<place> idle_consumers() const;
  std::vector<place> free_timers() const;
  void check_fairness(std::size_t worker);
  void check_supervision();
  void check();
  std::optional<end> ended();

  const scenario& of_;
  world& in_;
  seeded& schedule_;
  const bool simple_;
  const std::uint64_t chaos_end_; // step
  outcome& so_far_;
  std::size_t width_ = 1; // workers of the stage before, times the flows that are merged there
  std::shared_ptr<running_counts> running_ = std::make_shared<running_counts>();
  std::uint64_t share_ = 1;         // items of one origin, where they are: of a batch of batches
  std::uint64_t in_flight_max_ = 0; // beside letters, and what is replayed
  struct one_worker {
    std::string stage;
    std::uint32_t index = 0; // in the stage
  };
  std::vector<one_worker> workers_;
  struct mailbox_seen {
    std::size_t read = 0;
    std::size_t passed_over = 0; // items taken from others while something was in it
  };
  std::map<std::size_t, std::vector<mailbox_seen>> turns_; // by worker
  std::uint64_t failures_ = 0;                             // of workers
  std::uint64_t failures_checked_ = 0;                     // by check_supervision
  std::uint32_t storm_ = 0;                                // steps it still lasts
  bool storm_is_new_ = false;
  bool drained_ = false;
  bool failed_ = false; // what the store had still to be told, at the end, is lost
  std::shared_ptr<weir::replay_run> mending_; // what somebody asked for, at a bound
  weir::time_point mended_at_{};
  weir::time_point asked_at_{};
  weir::virtual_runtime node_;
  weir::running_pipeline pipeline_;
  pauses pauses_{pipeline_};
};

/// The capacity that was drawn is that of each ring.
weir::stage_options life::options_for(weir::stage_options options, bool waits) {
  options.mailbox_capacity *= static_cast<std::uint32_t>(width_);
  options.mailbox_capacity = std::max(options.mailbox_capacity, options.in_flight_max);
  // A worker that has several items in hand may hand all on at once, and then take as many again; another one has
  // what one item led to, and a letter.
  const auto in_hand = options.outside_of_slices() || waits ? options.mailbox_capacity : 0;
  in_flight_max_ += share_ * options.workers * (options.mailbox_capacity + in_hand + 2);
  width_ = options.workers;
  return options;
}

/// What comes out of a batch shares an outcome, and is in flight until all of it has ended.
weir::batch_options life::batch_for(weir::batch_options options) {
  options.mailbox_capacity = options.size_max * static_cast<std::uint32_t>(width_);
  in_flight_max_ += share_ * (options.mailbox_capacity + options.size_max);
  share_ *= options.size_max;
  width_ = 1;
  return options;
}

weir::pipeline life::build() {
  weir::pipeline p{"simulated", {.supervision = of_.supervision}};
  std::optional<weir::flow<thing>> flow;
  const place sink{of_.segments.size(), 0};
  if (of_.partitioned)
    flow = p.from("source-0", partitioned_source{.in = &in_});
  for (std::size_t k = 0; k < of_.sources && !of_.partitioned; ++k) {
    auto next = p.from("source-" + std::to_string(k), numbered_source{.in = &in_, .index = k});
    if (flow)
      flow = p.merge(std::move(*flow), std::move(next));
    else
      flow = std::move(next);
  }
  width_ = of_.partitioned ? 1 : of_.sources;
  for (std::size_t k = 0; k < of_.segments.size(); ++k)
    build_segment(p, flow, k);
  if (of_.fork == fork_kind::none) {
    build_sink(std::move(*flow), sink);
  } else if (of_.shares_batches) {
    build_sinks_that_share(std::move(*flow));
  } else {
    in_flight_max_ += share_ * (weir::stage_options{}.mailbox_capacity + 2);
    auto [left, right] =
        of_.fork == fork_kind::broadcast
            ? std::move(*flow).broadcast<2>(stage_name(of_, sink))
            : std::move(*flow).route(left_predicate{&in_, sink}, stage_name(of_, sink));
    const auto share = share_;
    width_ = 1;
    build_sink(std::move(left), {sink.segment, 1});
    const auto most = share_;
    share_ = share;
    width_ = 1;
    build_sink(std::move(right), {sink.segment, 2});
    share_ = std::max(share_, most);
  }
  p.dead_letters_to(std::make_shared<letter_store>(in_));
  p.positions_in(std::make_shared<position_port>(in_));
  for (const auto& stage : p.as_graph().stages)
    for (std::uint32_t k = 0; k < stage.options.workers; ++k)
      workers_.push_back({stage.name, k});
  return p;
}

/// Both get copies of the same batches.
void life::build_sinks_that_share(weir::flow<thing> flow) {
  const place fork{of_.segments.size(), 0};
  const auto name = stage_name(of_, fork);
  const auto size = batch_for(of_.sinks[0].batch);
  in_flight_max_ += share_ * (weir::stage_options{}.mailbox_capacity + 2);
  auto [left, right] = std::move(flow).batch(name + "-batch", size).broadcast<2>(name);
  const auto build = [&](weir::flow<weir::batch<thing>> from, place at) {
    width_ = 1;
    const auto options = options_for(of_.sink_at(at).stage, of_.sink_at(at).late);
    in_flight_max_ += share_ * options.workers * options.mailbox_capacity;
    end_batches(std::move(from), at, options);
  };
  build(std::move(left), {fork.segment, 1});
  build(std::move(right), {fork.segment, 2});
}

void life::build_sink(weir::flow<thing> flow, place at) {
  const auto& one = of_.sink_at(at);
  const auto name = stage_name(of_, at);
  if (!one.batched) {
    auto last = with_keys(std::move(flow), at);
    const auto options = options_for(one.stage, one.late);
    if (one.late)
      std::move(last).to(name, late_item_sink{{{{&in_, at}}}}, options);
    else
      std::move(last).to(name, item_sink{{{{&in_, at}}}}, options);
    return;
  }
  const auto size = batch_for(one.batch);
  const auto options = options_for(one.stage, one.late);
  // Rows that were rejected, on their way.
  in_flight_max_ += share_ * options.workers * options.mailbox_capacity;
  end_batches(std::move(flow).batch(name + "-batch", size), at, options);
}

void life::end_batches(weir::flow<weir::batch<thing>> flow, place at,
                       const weir::stage_options& options) {
  const auto name = stage_name(of_, at);
  if (of_.sink_at(at).late)
    std::move(flow).to(name, late_batch_sink{{{{&in_, at}}}}, options);
  else
    std::move(flow).to(name, batch_sink{{{{&in_, at}}}}, options);
}

/// Later items of a key that has a letter of the next stage wait behind it.
weir::flow<thing> life::with_keys(weir::flow<thing> flow, place at) {
  const auto most = of_.held_max_at(at);
  if (most == 0)
    return flow;
  // What is dead-lettered in one turn waits in the worker until it is handed over.
  const auto& options = of_.options_at(at);
  in_flight_max_ += share_ * options.workers * options.mailbox_capacity * width_;
  return std::move(flow).hold_key([](const thing& one) { return hold_key_of(one); },
                                  {.held_max = most});
}

void life::build_segment(weir::pipeline& p, std::optional<weir::flow<thing>>& flow, std::size_t k) {
  const auto& one = of_.segments[k];
  const place at{k, 0};
  const auto name = stage_name(of_, at);
  auto from = std::move(*flow);
  switch (one.kind) {
  case segment_kind::map:
    flow =
        with_keys(std::move(from), at).via(name, map_stage{{&in_, at}}, options_for(one.options));
    break;
  case segment_kind::map_noexcept: {
    auto options = one.options;
    options.rate = {};
    flow = std::move(from).via(name, map_noexcept_stage{{&in_, at}}, options_for(options));
    break;
  }
  case segment_kind::filter:
    flow = with_keys(std::move(from), at)
               .via(name, filter_stage{{&in_, at}}, options_for(one.options));
    break;
  case segment_kind::emit:
    flow = with_keys(std::move(from), at)
               .via(name, emit_stage{{{&in_, at}}}, options_for(one.options));
    break;
  case segment_kind::wait:
    flow = with_keys(std::move(from), at)
               .via(name, wait_stage{{&in_, at}, running_}, options_for(one.options, true));
    break;
  case segment_kind::count:
    flow = with_keys(std::move(from), at)
               .via(name, count_stage{{{&in_, at}}}, options_for(one.options));
    break;
  case segment_kind::broadcast:
  case segment_kind::route: {
    // Routers take no options: their mailbox is the default one.
    in_flight_max_ += share_ * (weir::stage_options{}.mailbox_capacity + 2);
    auto [left, right] = one.kind == segment_kind::broadcast
                             ? std::move(from).broadcast<2>(name)
                             : std::move(from).route(left_predicate{&in_, at}, name);
    auto branch = one.options;
    branch.rate = {};
    width_ = 1;
    auto l = std::move(left).via(stage_name(of_, {k, 1}), map_stage{{&in_, {k, 1}}},
                                 options_for(branch));
    const auto width = width_;
    width_ = 1;
    auto r = std::move(right).via(stage_name(of_, {k, 2}), map_stage{{&in_, {k, 2}}},
                                  options_for(branch));
    flow = p.merge(std::move(l), std::move(r));
    width_ += width;
    break;
  }
  case segment_kind::key_by: {
    auto options = one.options;
    options.workers = std::max(2U, options.workers);
    // What comes from a source or a stage with state may be all of one key, and wait for that.
    in_flight_max_ +=
        share_ * width_ * options.workers * std::max<std::size_t>(options.mailbox_capacity, 1);
    flow = with_keys(std::move(from).key_by(key_function{&in_}, {.lanes = options.workers}), at)
               .via(name, map_stage{{&in_, at}}, options_for(options))
               .merge();
    break;
  }
  case segment_kind::batch: {
    const auto size = batch_for(one.batch);
    auto options = one.options;
    options.rate = {};
    flow = std::move(from)
               .batch(name, size)
               .via(stage_name(of_, {k, 1}), unbatch_stage{{&in_, {k, 1}}}, options_for(options));
    break;
  }
  case segment_kind::count_:
    break;
  }
}

/// What comes from outside, between two steps.
void life::disturb() {
  auto& faults = in_.faults;
  if (storm_ > 0) {
    --storm_;
    kill(schedule_.below(pipeline_.workers_count()));
  }
  if (faults.is_due(fault::worker_killed))
    kill(schedule_.below(pipeline_.workers_count()));
  if (faults.is_due(fault::restart_storm)) {
    storm_ = 30;
    storm_is_new_ = true;
  }
  if (faults.is_due(fault::stage_paused)
      && pauses_.begin(workers_[schedule_.below(workers_.size())].stage))
    faults.fired_now(fault::stage_paused);
  if (pauses_.any() && schedule_.chance(0.05))
    resume();
  if (faults.fires(fault::node_crashes))
    in_.crash_asked = true;
  if (faults.is_due(fault::node_drains)) {
    if (!drained_ && !over())
      faults.fired_now(fault::node_drains);
    drained_ = true;
    in_.watch.input_ends();
    pipeline_.drain();
  }
  if (faults.is_due(fault::node_aborts)) {
    if (!over())
      faults.fired_now(fault::node_aborts);
    failed_ = true;
    pipeline_.abort();
  }
  if (faults.fires(fault::clock_jumps))
    node_.jump(std::chrono::milliseconds{schedule_.below(5000)});
  if (faults.is_due(fault::replay_asked)
      && pipeline_.replay({}, {.replays_max = static_cast<std::uint32_t>(schedule_.between(1, 3)),
                               .forced = schedule_.chance(0.2)}))
    faults.fired_now(fault::replay_asked);
  if (of_.may_change_hands() && !over() && !drained_)
    for (std::size_t k = 0; k < of_.sources; ++k)
      if (in_.claimed(k).epoch > 0 && in_.watch.source_goes_on(k)
          && faults.fires(fault::partition_claimed_elsewhere))
        in_.claimed_elsewhere(k);
  if (faults.fires(fault::wall_clock_jumps))
    node_.shift_wall_clock(std::chrono::seconds{schedule_.below(7200)} - 1h);
}

/// Whatever is paused goes on. What was given back leaves a stage all the same.
void life::resume() {
  if (const auto wrong = pauses_.end_all(); !wrong.empty() && !of_.partitioned)
    in_.violated(wrong);
}

/// What a stage waits for that has as many dead letters of held keys as it may have: somebody replays them.
/// True if it has been asked for.
bool life::mend() {
  if (drained_) { // then nothing is replayed any more, and the node's patience ends
    failed_ = true;
    pipeline_.abort();
    return true;
  }
  const auto stages = pipeline_.snapshot().stages;
  if (std::ranges::all_of(stages, [](const auto& one) { return one.waits_for.empty(); }))
    in_.violated("held key: a stage is at its bound, and doesn't say what it waits for");
  if (mending_ && !mending_->finished()) {
    // A replay that is asked for waits for the one before, and that one for an item which stands behind others at
    // this bound: left as it is, see docs/reliability.md. The node is started anew.
    if (pipeline_.snapshot().replays_in_flight > 0 && node_.now() - asked_at_ > patience) {
      in_.note("    the replays wait for each other");
      in_.crash_asked = true;
      in_.fence();
    }
    return in_.crash_asked;
  }
  asked_at_ = node_.now();
  if (in_.tracing())
    in_.note("    all letters are to be replayed, as a stage has as many as it may"
             + (mending_ ? ", and " + to_string(mending_->outcome()) : std::string{}));
  auto asked = pipeline_.replay({}, {.forced = true});
  mending_ = asked ? *asked : nullptr; // not while it ends
  if (mending_)
    in_.faults.came_about(event::keys_at_their_bound);
  return mending_ != nullptr;
}

/// Has it an effect, then the worker must be started anew before it does anything.
void life::kill(std::size_t worker) {
  pipeline_.kill(worker);
  const auto& who = workers_[worker];
  if (const auto at = place_of(of_, who.stage))
    in_.watch.must_start(*at, who.index);
}

/// In a turn of the supervisor.
void life::failed(const weir::failure& why) {
  ++failures_;
  const auto message = why.message();
  if (in_.tracing())
    in_.note("    worker failed: " + message);
  const auto said = [&](std::string_view what) { return message.find(what) != std::string::npos; };
  if (said("killed")) {
    if (std::exchange(storm_is_new_, false))
      in_.faults.fired_now(fault::restart_storm);
    else
      in_.faults.fired_now(fault::worker_killed);
  }
  const auto begin = message.find('\'') + 1;
  const auto stage = message.substr(begin, message.find('\'', begin) - begin);
  const auto at = place_of(of_, stage);
  // Where no item is to blame, the worker is. Where nothing is seen to succeed, it may be forgiven at any time.
  const bool sure = said("killed") || said("can't start") || said("thrown at the start")
                    || said("thrown by the checkpoint") || said("thrown by the source");
  in_.watch.worker_failed(stage, sure && at && of_.is_seen(*at));

  const auto first = std::ranges::find(workers_, stage, &one_worker::stage);
  const auto behind = std::ranges::find_if(
      first, workers_.end(), [&](const one_worker& one) { return one.stage != stage; });
  auto begins = behind - first == 1 ? first : behind; // which of several it was is not known
  auto ends = behind;
  if (of_.supervision.strategy == weir::one_for_all)
    begins = workers_.begin();
  if (of_.supervision.strategy != weir::one_for_one)
    ends = workers_.end();
  for (auto one = begins; one < ends; ++one)
    if (const auto where = place_of(of_, one->stage))
      in_.watch.must_start(*where, one->index);
}

/// Who escalates, and whether it is time to.
void life::check_supervision() {
  failures_checked_ = failures_;
  const auto why = pipeline_.why();
  if (why.chain.empty()) {
    if (in_.watch.must_escalate())
      in_.violated("supervision: more than " + std::to_string(of_.supervision.intensity)
                   + " restarts in " + std::to_string(of_.supervision.period.count())
                   + " ms, and the pipeline goes on");
    return;
  }
  in_.watch.pipeline_failed();
  if (why.message().find("escalated") != std::string::npos && !in_.watch.may_escalate())
    in_.violated("supervision: it escalated within the intensity: " + why.message());
}

/// Has no worker of the stage anything in its mailbox?
bool life::all_empty(const std::string& stage) const {
  for (std::size_t k = 0; k < workers_.size(); ++k)
    if (workers_[k].stage == stage)
      for (const auto& ring : pipeline_.mailbox(k))
        if (ring->size() > 0)
          return false;
  return true;
}

/// Then a worker with one more of them hands nothing on either.
bool life::letters_find_no_room() const {
  return pipeline_.snapshot().dead_letters_waiting >= of_.letters_waiting_max;
}

/// Stages with a timer, and nothing in the mailboxes behind them.
std::vector<place> life::free_timers() const {
  std::vector<place> free;
  for (std::size_t k = 0; k < of_.segments.size(); ++k) {
    if (of_.segments[k].hold.count() == 0)
      continue;
    const place next{k + 1, 0};
    auto name = stage_name(of_, next);
    if ((of_.ends_at(next) && of_.sink_at(next).batched)
        || (of_.shares_batches && next.segment == of_.segments.size()))
      name += "-batch";
    if (all_empty(name))
      free.push_back({k, 0});
  }
  return free;
}

/// Of several mailboxes none is passed over while others are taken from again and again.
void life::check_fairness(std::size_t worker) {
  const auto rings = pipeline_.mailbox(worker);
  const auto at = place_of(of_, workers_[worker].stage);
  if (rings.size() < 2
      || (at && of_.held_max_at(*at) > 0)) // at its bound it takes but what is replayed
    return;
  auto& seen = turns_[worker];
  seen.resize(rings.size());
  std::size_t taken = 0;
  std::size_t places = 0;
  for (std::size_t k = 0; k < rings.size(); ++k) {
    taken += rings[k]->read_index() - seen[k].read;
    places += rings[k]->capacity();
  }
  for (std::size_t k = 0; k < rings.size(); ++k) {
    auto& one = seen[k];
    const auto mine = rings[k]->read_index() - std::exchange(one.read, rings[k]->read_index());
    one.passed_over = mine > 0 || rings[k]->size() == 0 ? 0 : one.passed_over + taken;
    if (one.passed_over > 2 * places)
      in_.violated("fairness: " + workers_[worker].stage + " took "
                   + std::to_string(one.passed_over)
                   + " items from other mailboxes, and none from one in which there are some");
  }
}

/// Those of batches, and behind stages that don't keep the order, that have nothing in their mailboxes.
std::vector<place> life::idle_consumers() const {
  std::vector<place> idle;
  const auto look_at = [&](place at) {
    if (all_empty(stage_name(of_, at)))
      idle.push_back(at);
  };
  for (std::size_t k = 0; k < of_.segments.size(); ++k)
    if (of_.segments[k].kind == segment_kind::batch)
      look_at({k, 1});
    else if (of_.segments[k].options.order == weir::order::relaxed)
      if (const auto next = of_.next_of_items({k, 0}); next && !letters_find_no_room())
        look_at(*next);
  for (const auto at : of_.sink_places())
    if (of_.sink_at(at).batched && !of_.shares_batches) // else it may wait for the other one
      look_at(at);
  return idle;
}

/// Everything that must be true between any two steps.
void life::check() {
  const auto& books = pipeline_.books();
  const auto totals = books.totals();
  if (!totals.balanced())
    in_.violated("ledger: " + to_string(totals));
  if (books.settled_twice())
    in_.violated("an item was settled twice");
  if (totals.in_flight > in_flight_max_ && !pipeline_.workers_have_finished()) {
    const auto now = pipeline_.snapshot();
    const auto most = in_flight_max_ + now.dead_letters_waiting * share_ + now.replays_in_flight;
    if (totals.in_flight > most)
      in_.violated("bound: " + std::to_string(totals.in_flight) + " items in flight, "
                   + std::to_string(most) + " have a place, "
                   + std::to_string(now.dead_letters_waiting) + " letters on their way and "
                   + std::to_string(now.replays_in_flight) + " replayed ones among them");
  }
  if (failures_ != failures_checked_)
    check_supervision();
  for (std::size_t k = 0; k < pipeline_.workers_count(); ++k) {
    check_fairness(k);
    for (const auto& ring : pipeline_.mailbox(k))
      if (ring->size() > ring->capacity())
        in_.violated("credit: " + std::to_string(ring->size()) + " items in a mailbox of "
                     + std::to_string(ring->capacity()));
  }
  so_far_.fingerprint = mixed(so_far_.fingerprint, totals.settled() * 1'000'003 + totals.in_flight);
}

std::optional<life::end> life::ended() {
  const auto how = pipeline_.wait_until(node_.now());
  if (!how)
    return std::nullopt;
  const auto ledger = pipeline_.books().totals();
  if (pipeline_.books().late() > 0)
    in_.faults.came_about(event::item_late);
  if (!ledger.balanced())
    in_.violated("ledger at the end: " + to_string(ledger));
  if (*how == weir::running_pipeline::state::failed) {
    if (in_.tracing())
      in_.note("pipeline failed: " + pipeline_.why().message());
    return end::failed;
  }
  if (ledger.in_flight != 0)
    in_.violated("finished with " + std::to_string(ledger.in_flight) + " items in flight");
  in_.check_outcomes(ledger);
  pipeline_.books().partitions().each([this](std::uint32_t, const weir::internal::partition& one) {
    if (of_.partitioned && one.now_is() == weir::internal::partition::state::closed)
      in_.closed_untold(static_cast<std::size_t>(one.name().back() - '0'));
  });
  for (const auto& stage : pipeline_.snapshot().stages)
    if (const auto at = place_of(of_, stage.stage); at && of_.runs_again(*at))
      if (const auto kept = in_.watch.kept(*at); kept != stage.processed)
        in_.violated("state: " + stage.stage + " has done " + std::to_string(stage.processed)
                     + " items, its state knows of " + std::to_string(kept));
  for (const auto& stage : pipeline_.snapshot().stages) // else the store may not have told
    if (const auto at = place_of(of_, stage.stage);
        healed() && !drained_ && at && of_.held_max_at(*at) > 0)
      if (const auto keys = in_.keys.keys_of(*at); keys != stage.keys_held)
        in_.violated("held key: " + stage.stage + " knows of " + std::to_string(stage.keys_held)
                     + " keys at the end, " + std::to_string(keys) + " have letters");
  return failed_ ? end::failed : end::finished;
}

/// Somebody's turn; false if nobody has one now.
bool life::step() {
  if (!node_.step())
    return false;
  ++so_far_.steps;
  std::uint64_t who = node_.last().size();
  for (const char c : node_.last())
    who = who * 31 + static_cast<unsigned char>(c);
  so_far_.fingerprint = mixed(so_far_.fingerprint, who);
  if (in_.tracing())
    in_.note("  " + std::to_string(so_far_.steps) + " at "
             + std::to_string(now_ns() / 1'000'000 % 100'000'000)
             + " ms: " + (node_.last().empty() ? std::string{"I/O"} : std::string{node_.last()}));
  return true;
}

/// While a call takes its time: within a step.
void life::others_go_on() {
  in_.note("    meanwhile");
  for (auto left = schedule_.between(1, 12); left > 0 && !in_.fenced() && step(); --left)
    check();
  in_.note("    the call goes on");
}

life::end life::run(bool replay) {
  in_.pass_time = [this](weir::clock::duration by) { node_.jump(by); };
  in_.others_go_on = [this] { others_go_on(); };
  node_.jump(in_.time - node_.now()); // time went on since the last life
  if (auto started = pipeline_.start(); !started) {
    const auto why = started.error().message();
    if (!healed()
        && (why.starts_with("the held keys can't be read")
            || why.find("the positions can't be read") != std::string::npos))
      return end::failed;
    in_.violated("can't start: " + started.error().message());
    return end::stuck;
  }
  if (replay)
    if (auto asked = pipeline_.replay({}, {.forced = true}); !asked)
      in_.violated("the letters can't be replayed: " + asked.error().message());
  std::uint64_t healed_steps = 0;
  for (;;) {
    if (!healed()) {
      if (so_far_.steps >= chaos_end_) {
        resume();
        in_.faults.heal();
      }
      disturb();
    } else if (++healed_steps > steps_after_heal) {
      in_.violated("liveness: nothing has gone wrong for " + std::to_string(steps_after_heal)
                   + " steps, and it has not ended: " + to_string(pipeline_.books().totals()));
    }
    if (in_.late.any() && schedule_.chance(0.2))
      in_.late.settle(schedule_.below(1000));
    if (in_.crash_asked)
      return end::crashed;
    if (step()) {
      check();
    } else if (auto how = ended()) {
      return *how;
    } else {
      // Once before time passes: others may be what it waits for.
      if (mended_at_ != node_.now() && in_.keys.at_bound() && mend()) {
        mended_at_ = node_.now();
        continue;
      }
      if (pauses_.any() && schedule_.chance(0.5)) {
        resume();
        continue;
      }
      if (in_.late.any() && (healed() || schedule_.chance(0.7))) {
        in_.late.settle(schedule_.below(1000));
        continue;
      }
      const auto began = node_.now();
      const auto idle = pauses_.any() ? std::vector<place>{} : idle_consumers();
      const auto free = pauses_.any() ? std::vector<place>{} : free_timers();
      if (!node_.advance_to_next_timer()) {
        if (pauses_.any()) {
          resume();
          continue;
        }
        if (in_.late.any()) {
          in_.late.settle(schedule_.below(1000));
          continue;
        }
        in_.violated("lost wake-up: nothing can happen any more, and it has not ended: "
                     + to_string(pipeline_.books().totals()));
      }
      in_.watch.time_passed(began, node_.now(), idle, free);
    }
    if (!in_.violation().empty())
      return end::stuck;
  }
}

} // namespace

outcome run(std::uint64_t seed, const reduction& without, std::vector<std::string>* trace) {
  outcome so_far;
  const auto drawn = scenario::drawn(seed, without);
  fault_table faults{seed, without.without, trace};
  world in{drawn, faults, trace};
  seeded schedule{mixed(seed, 0x5C4ED)};
  if (drawn.chaos_steps == 0)
    faults.heal();
  in.note("seed " + std::to_string(seed) + ": " + drawn.describe());

  bool replay = false;
  std::uint64_t chaos_end = drawn.chaos_steps;
  std::uint32_t mended = 0;
  while (in.violation().empty()) {
    in.begin_life();
    in.note("life " + std::to_string(in.life()));
    if (in.life() > lives_with_faults)
      faults.heal();
    const bool was_healed = faults.healed();
    const auto letters_up_to = in.keys.letters_up_to();
    life::end how{};
    try {
      life one{drawn, in, schedule, without.simple_schedule, chaos_end, so_far};
      how = one.run(replay);
      in.time = weir::clock::now() + 10ms;
      in.note(how == life::end::crashed ? "the node crashes" : "the node ends");
      if (how != life::end::finished)
        in.fence(); // before what is left of it is torn down
    } catch (const std::exception& wrong) {
      in.violated(std::string{"the framework threw: "} + wrong.what());
    }
    in.end_life(how == life::end::finished);
    if (how == life::end::finished && in.complete()) {
      // What is held back by letters of a stage behind it, or held behind what is held back, is replayed once more.
      // Nothing holds back those of the last stage that has any, nor what comes to it meanwhile: these must be gone. What
      // is there before it may become more, as in each life some stages have a last word.
      const bool none_left = in.letters.letters().empty();
      const bool goes_on = drawn.has_held_keys() && in.keys.letters_up_to() < letters_up_to;
      if (was_healed && replay && none_left && !in.all_rows())
        in.violated("replay: with nothing going wrong, a dead letter did not become rows");
      if (was_healed && replay && !none_left && !goes_on)
        in.violated("replay: with nothing going wrong, there are dead letters left");
      if (none_left || (was_healed && replay && !goes_on))
        break;
      // The dead letters' second life: whatever they had is over, but what puts them in again may have something.
      if (!replay && drawn.replay_chaos_steps > 0) {
        faults.relapse();
        chaos_end = so_far.steps + drawn.replay_chaos_steps;
      } else {
        faults.heal();
      }
      replay = true;
      continue;
    }
    if (was_healed && in.violation().empty()) {
      if (how == life::end::crashed && ++mended <= mended_max)
        continue;
      if (how != life::end::finished)
        in.violated("liveness: a life without faults failed");
      else
        in.violated("lost: " + in.what_is_missing());
    }
  }
  so_far.lives = in.life();
  so_far.violation = in.violation();
  so_far.fingerprint = mixed(so_far.fingerprint, in.fingerprint);
  for (std::size_t k = 0; k < faults_count; ++k)
    so_far.fired[k] = faults.fired(static_cast<fault>(k));
  so_far.came_about = faults.came_about();
  if (!so_far.violation.empty())
    in.note("VIOLATED " + so_far.violation);
  return so_far;
}

reduction shrink(std::uint64_t seed) {
  reduction best;
  const auto kind = [](const std::string& violation) {
    return violation.substr(0, violation.find(':'));
  };
  const auto wanted = kind(run(seed).violation);
  const auto fails = [&](const reduction& tried) {
    const auto violation = run(seed, tried).violation;
    return !violation.empty() && kind(violation) == wanted;
  };
  const auto keep_if = [&](reduction tried) {
    const bool still = fails(tried);
    if (still)
      best = std::move(tried);
    return still;
  };
  auto simple = best;
  simple.simple_schedule = true;
  keep_if(simple);
  for (bool smaller = true; smaller;) {
    smaller = false;
    const auto now = scenario::drawn(seed, best);
    for (std::uint32_t items = 1; items < now.items; items = items * 2) {
      auto tried = best;
      tried.items = items;
      if (keep_if(tried)) {
        smaller = true;
        break;
      }
    }
    for (std::size_t k = 0; k < 5; ++k) {
      if (k < best.segments.size() && best.segments[k])
        continue;
      auto tried = best;
      tried.segments.resize(std::max<std::size_t>(tried.segments.size(), k + 1));
      tried.segments[k] = true;
      if (scenario::drawn(seed, tried).segments.size()
          < scenario::drawn(seed, best).segments.size())
        smaller = keep_if(tried) || smaller;
    }
    const auto fired = run(seed, best).fired;
    for (std::size_t k = 0; k < faults_count; ++k) {
      if (best.without[k] || fired[k] == 0)
        continue;
      auto tried = best;
      tried.without[k] = true;
      smaller = keep_if(tried) || smaller;
    }
  }
  return best;
}

} // namespace simulation
