#include <weir/dead_letters/replay_actor.hpp>
#include <weir/mailbox/require.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <algorithm>
#include <utility>

namespace weir::internal {

replay_actor::replay_actor(runtime& node, acknowledgement& books, std::string pipeline,
                           std::shared_ptr<dead_letter_store> store, dead_letter_queue& queue,
                           replay_settings settings, flight_recorder* recorder,
                           std::function<void(std::optional<failure>)> finished,
                           std::function<void(const replay_run&)> tells)
    : actor{"replay"},
      node_{node},
      books_{books},
      pipeline_{std::move(pipeline)},
      who_{"pipeline " + pipeline_},
      store_{std::move(store)},
      queue_{queue},
      settings_{settings},
      finished_{std::move(finished)},
      tells_{std::move(tells)},
      recorder_{recorder},
      trouble_{node},
      orders_{pipeline_},
      settlement_{node, queue},
      counts_{queue, pipeline_, stages_},
      entrance_{pipeline_, queue, books, recorder, stages_, in_flight_},
      tools_{.node = node_,
             .pipeline = pipeline_,
             .queue = queue_,
             .stages = stages_,
             .entrance = entrance_,
             .settlement = settlement_,
             .trouble = trouble_,
             .tells = tells_,
             .stopping = orders_.stopping()} {
  books.add_replay_partition(
      *this,
      recorder == nullptr ? 0 : flight_key(pipeline_, acknowledgement::replay_partition_name));
}

void replay_actor::set_stages(std::vector<replay_stage> stages, std::size_t sources) {
  require(stages_.empty(), "replay_actor::set_stages: the stages are set once");
  stages_ = std::move(stages);
  for (const auto& one : stages_)
    if (one.inlet)
      for (const auto& ring : one.inlet->rings())
        ring->set_producer(this);
  std::vector<std::size_t> inputs;
  for (const auto& one : stages_)
    inputs.push_back(one.inputs);
  orders_.begin(sources, std::move(inputs));
}

// --- any thread --------------------------------------------------------------------------------------

result<std::shared_ptr<replay_run>> replay_actor::replay(dead_letter_filter filter,
                                                         replay_options options) {
  if (!filter.pipeline.empty() && filter.pipeline != pipeline_)
    return poison("this is pipeline '" + pipeline_ + "', not '" + filter.pipeline + "'");
  filter.pipeline = pipeline_;
  auto run = std::make_shared<replay_run>(node_, std::move(filter), std::move(options));
  if (auto asked = orders_.ask_for(run); !asked)
    return std::move(asked.error());
  wake();
  return run;
}

void replay_actor::look() {
  orders_.look();
  wake();
}

void replay_actor::recount() {
  orders_.recount();
  wake();
}

void replay_actor::source_ended() {
  orders_.source_ended();
  wake();
}

void replay_actor::input_ended(std::string_view stage_name) {
  const auto found = std::ranges::find(stages_, stage_name, &replay_stage::name);
  require(found != stages_.end(), "replay_actor::input_ended: there is no stage of that name");
  orders_.input_ended(static_cast<std::size_t>(found - stages_.begin()));
  wake();
}

void replay_actor::stop() {
  orders_.stop();
  wake();
}

void replay_actor::abort() {
  orders_.abort();
  wake();
}

void replay_actor::workers_finished() {
  orders_.workers_finished();
  wake();
}

void replay_actor::letters_finished() {
  orders_.letters_finished();
  wake();
}

bool replay_actor::identify(dead_letter& letter, origin where, letter_of what) {
  return books_.is_replayed(acknowledgement::first_of(where))
         && in_flight_.identify(letter, where, what);
}

void replay_actor::replayed_item_ended(std::uint64_t position, outcome how) noexcept {
  if (!in_flight_.ended(position, how))
    return;
  if (recorder_ != nullptr)
    recorder_->suspects().gone(entrance_.recorded_partition(), position);
  wake();
}

// --- the actor's turns -------------------------------------------------------------------------------

activity replay_actor::turn() {
  const bool counted = !counts_.some_left(); // so that letters were put in since
  take_outcomes();
  const auto ordered = orders_.take();
  const bool over = ordered.finished && give_back_left();
  if (ordered.count)
    counts_.want_all();
  begin_counts(ordered.aborted, counted);
  if (work_ && (over || ordered.stopping))
    work_->give_back();
  const bool done = chores(!ordered.aborted);
  if (done && counts_.some_left()) // what is put in may depend on it
    return activity::again();
  if (over && (done || ordered.aborted)) {
    if (work_)
      end_work();
    finish_asked_for(ending());
    return activity::finished();
  }
  if (!done) { // but the end of the stream does not wait for the store
    close_if_over();
    return activity::asleep(trouble_.retry_at());
  }
  return go_on_replaying();
}

void replay_actor::take_outcomes() {
  for (const auto& [id, letter] : in_flight_.take_ended()) {
    // A letter of a later stage may be there instead.
    if (!letter.put_back || letter.how != outcome::dead_lettered)
      settlement_.gone_through(id);
    if (!letter.key.empty())
      counts_.add(letter.stage, letter.key);
    work_->ended(letter);
  }
}

/// The pipeline has stopped: gives back what an abort has left in it. False if outcomes are to be taken first.
bool replay_actor::give_back_left() {
  const auto left = in_flight_.take_left();
  if (left)
    settlement_.give_back(*left);
  return left.has_value();
}

void replay_actor::begin_counts(bool aborted, bool counted) {
  // While a replay goes on nothing is looked for; but what a stage at its bound waits for may have been purged.
  if (work_ && counts_.at_bound() && node_.now() >= look_at_) {
    look_at_ = next_look();
    counts_.want_all();
  }
  if (aborted) // nothing flows any more
    counts_.forget();
  if (counts_.all_wanted() && counted)
    counts_.add_all();
}

/// Brings the store up to date; false if it refuses, and is to be asked again when its trouble says.
bool replay_actor::chores(bool counts) {
  if (trouble_.is_put_off())
    return false;
  auto done = settlement_.tell_store(work_ ? work_->who() : who_);
  if (done && counts)
    done = counts_.count_some();
  if (done) {
    refusals_ = 0;
    if (!work_ || !work_->refused_last())
      trouble_.say({});
    return true;
  }
  trouble_.say(done.error().message());
  trouble_.put_off(++refusals_);
  return false;
}

activity replay_actor::go_on_replaying() {
  std::optional<time_point> next;
  for (;;) {
    if (!work_)
      begin_next();
    if (!work_ || !work_->ask())
      break;
    next = work_->put_in();
    if (settlement_.withdraws() || (next && *next <= node_.now()))
      return activity::again(); // the store is told before the replay ends
    if (!work_->all_ended())
      break;
    const auto more = work_->follow();
    if (more == replay_work::following::claimed)
      continue;
    if (more == replay_work::following::next_turn)
      return activity::again();
    if (more == replay_work::following::later)
      break;
    if (work_->has_late_letters()) {
      work_->give_back(); // now that there is nothing more to claim: they would be claimed again
      return activity::again();
    }
    end_work();
  }
  return wait_until(next);
}

/// Sleeps as long as there is nothing to do for it; till `next` at most.
activity replay_actor::wait_until(std::optional<time_point> next) {
  if (counts_.some_left() || counts_.all_wanted())
    return activity::again();
  if (close_if_over())
    return activity::asleep();
  auto until = next.value_or(time_point::max());
  if (!work_ || counts_.at_bound())
    until = std::min(until, look_at_);
  if (trouble_.is_put_off())
    until = std::min(until, trouble_.retry_at());
  return until == time_point::max() ? activity::asleep() : activity::asleep(until);
}

/// Begins what was asked for here, or else, when it is time, what others asked the store for.
void replay_actor::begin_next() {
  auto next = orders_.next(node_.now() >= look_at_);
  if (next.look) {
    look_at_ = next_look();
    counts_.add_all();
    next.run = std::make_shared<replay_run>(
        node_, dead_letter_filter{.pipeline = pipeline_},
        replay_options{.rate = settings_.rate, .check_type = settings_.check_type});
  }
  if (next.run)
    work_ = std::make_unique<replay_work>(tools_, std::move(next.run),
                                          next.look ? replay_work::asked_by::others
                                                    : replay_work::asked_by::run);
}

time_point replay_actor::next_look() const {
  return queue_.outlives_process() ? node_.now() + settings_.look_every : time_point::max();
}

void replay_actor::end_work() {
  work_->finish();
  work_.reset();
}

/// Closes the rings of stages that take nothing any more; true once it is all of them. What is in the pipeline may have
/// to wait for that, in a batch for instance: so only what may follow it is waited for.
bool replay_actor::close_if_over() {
  const auto over = orders_.close(!work_ || work_->all_in(), work_ && work_->unanswered());
  for (const auto k : over.stages) {
    auto& one = stages_[k];
    if (one.inlet && !std::exchange(one.closed, true))
      one.inlet->close();
  }
  if (over.all)
    finish_asked_for(ending());
  return over.all;
}

/// Ends the replays whose turn will not come.
void replay_actor::finish_asked_for(const failure& why) {
  for (const auto& run : orders_.close_all()) {
    run->change([&](auto& outcome) { outcome.why = why; });
    run->finish();
  }
}

failure replay_actor::ending() const { return transient("pipeline '" + pipeline_ + "' is ending"); }

void replay_actor::crashed(failure why) noexcept {
  trouble_.say(why.message());
  for (const auto& one : stages_)
    if (one.inlet)
      one.inlet->close();
  if (work_)
    work_->finish_failed(why);
  finish_asked_for(why);
  crash_ = std::move(why).within("replay actor");
}

} // namespace weir::internal
