#include <weir/stages/worker.hpp>

#include <weir/dead_letters/replay_actor.hpp>
#include <weir/mailbox/require.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <algorithm>
#include <utility>

namespace weir::internal {

worker::worker(std::string name, pipeline_services& services, worker_observer& observer,
               std::size_t index, std::string stage, std::uint32_t index_in_stage,
               stage_options options, const stage_limits& limits, token_bucket& permits,
               std::unique_ptr<stepper> steps)
    : actor{std::move(name)},
      services_{services},
      observer_{observer},
      index_{index},
      stage_{std::move(stage)},
      index_in_stage_{index_in_stage},
      limits_{limits},
      stepper_{std::move(steps)},
      one_by_one_{stepper_->takes_permits()},
      place_{std::make_shared<const run_place>(run_place{.pipeline = services.pipeline,
                                                         .stage = stage_,
                                                         .worker = this->name(),
                                                         .worker_index = index_in_stage,
                                                         .stopping = services.stopping.get_token(),
                                                         .node = &services.node,
                                                         .worker_waker = this,
                                                         .positions = services.positions.get(),
                                                         .ends = std::make_shared<bell>(*this)})},
      options_{options},
      permits_{permits},
      now_{services.node.now()},
      context_{*place_, *this},
      letters_{services, stage_, counters_, *this},
      suspicion_{services, stage_, options_.retry, *this},
      judge_{services, options_.retry, counters_} {
  doing_.begin(waiting_as::down, now_);
}

worker::~worker() = default;

void worker::make_partitions() {
  partitions_ = std::make_unique<weir::partitions>(services_, *this);
}

weir::partitions& worker::partitions() {
  require(partitions_ != nullptr, "context: only a source has partitions");
  return *partitions_;
}

void worker::source_ended() {
  if (!std::exchange(source_ended_, true) && services_.replays != nullptr)
    services_.replays->source_ended();
}

void worker::record_in(std::span<flight_slot> slots) { hands_.use(slots, one_by_one_); }

// --- orders ------------------------------------------------------------------------------------------

void worker::order_now(order_given what) {
  auto before = order_.load();
  while (before != order_given::abort && !order_.compare_exchange_weak(before, what))
    ;
  wake();
}

void worker::abort() { order_now(order_given::abort); }

void worker::kill() {
  auto none = order_given::none; // whatever else it was told to do comes first
  if (order_.compare_exchange_strong(none, order_given::kill))
    wake();
}

activity worker::turn() {
  place_->ends->answered();
  account(resting_as_);
  doing_.begin(waiting_as::busy, now_);
  if (const auto word = limits_.word(std::memory_order_seq_cst); word != limits_seen_)
    obey_limits(word);
  if (wake_at_ && *wake_at_ <= now_)
    wake_at_.reset();
  if (auto done = carry_out_order())
    return *done;
  return run_slices();
}

std::optional<activity> worker::carry_out_order() {
  // Mostly there is none, and looking is cheaper than taking.
  const auto given =
      order_.load() == order_given::none ? order_given::none : order_.exchange(order_given::none);
  switch (given) {
  case order_given::none:
    break;
  case order_given::abort:
    aborting_ = true;
    order_.store(order_given::abort); // nothing overrides it
    stepper_->cancel(*this);
    break;
  case order_given::stop:
    if (now_is()
        != state::finished) { // also if it never obeyed the start before: that is an answer too
      state_.store(state::stopped);
      suspicion_.withdraw();
      observer_.worker_stopped(index_);
    }
    break;
  case order_given::kill:
    if (now_is() == state::running)
      return go_down(judge_.failed_without_item(), fatal("killed"));
    break;
  case order_given::start:
    if (now_is() != state::finished)
      if (auto failed = carry_out_start())
        return failed;
    break;
  }
  if (aborting_) {
    const auto look_again = stepper_->abandon_late(*this);
    return stepper_->quiet() ? finish() : rest(look_again, waiting_as::in_hand);
  }
  if (now_is() != state::running) {
    // A source that is told to end needs no restart for that.
    if (!stepper_->ends_on_drain() || !services_.stopping.stop_requested())
      return rest({}, waiting_as::down);
    state_.store(state::running);
  }
  return std::nullopt;
}

std::optional<activity> worker::carry_out_start() {
  try {
    if (auto built = stepper_->rebuild(context_); !built)
      return go_down(judge_.failed_without_item(), std::move(built.error()));
  } catch (...) {
    return go_down(judge_.failed_without_item(), describe_current_exception());
  }
  account(waiting_as::busy);
  state_.store(state::running);
  if (std::exchange(started_before_, true))
    slice_.start_again();
  return std::nullopt;
}

// --- slices ------------------------------------------------------------------------------------------

activity worker::run_slices() {
  worker_counters::at_least(counters_.backlog_max, stepper_->backlog()); // it looks at every ring
  auto turn_left = static_cast<std::size_t>(services_.node.options().turn_items);
  while (turn_left > 0) {
    if (auto wait = before_slice())
      return *wait;
    slice next{.budget = budget_of(turn_left)};
    if (!let_go(next, turn_left))
      continue;
    if (paused_) {
      next.budget = std::min(next.budget, budget_while_paused());
      next.paused = next.budget == 0;
    }
    if (next.budget > 0 && (!admit(next, turn_left) || !look_ahead(next)))
      continue;
    if (auto wait = run_slice(next, turn_left))
      return *wait;
    if (order_.load(std::memory_order_relaxed) != order_given::none)
      return activity::again();
  }
  resting_as_ = waiting_as::busy; // it could work, it lets others
  return activity::again();
}

/// What has to be out of the way before new items are taken.
std::optional<activity> worker::before_slice() {
  if (const auto word = limits_.word(); word != limits_seen_)
    obey_limits(word);
  if (!letters_.hand_over()) {
    suspicion_.withdraw();
    return rest({}, waiting_as::letters); // the dead-letter actor wakes us
  }
  if (resume_at_) {
    // A source that is told to stop has nothing to try again.
    const bool ends = stepper_->ends_on_drain() && services_.stopping.stop_requested();
    if (now_ < *resume_at_ && !ends)
      return rest(*resume_at_, waiting_as::retry);
    resume_at_.reset();
  }
  return std::nullopt;
}

/// Somebody has changed the stage's limits, or pauses or resumes it.
void worker::obey_limits(std::uint64_t word) {
  limits_seen_ = word;
  const auto values = limits_.read();
  paused_ = stage_limits::is_paused(word);
  // Without a place in flight nothing new is taken, and what is in hand goes on.
  options_.in_flight_max = paused_ && one_by_one_ ? 0 : values.in_flight_max;
  options_.retry.attempts = values.attempts;
  options_.timeout = values.timeout;
  options_.item_time_max = values.item_time_max;
}

/// While it is paused, an item in hand that failed goes on to its end, its retries too. Where items are run one by one,
/// obey_limits sees to it that no other is taken.
std::size_t worker::budget_while_paused() const {
  if (one_by_one_)
    return SIZE_MAX;
  return trouble_ && of_an_item_ ? 1 : 0;
}

std::size_t worker::budget_of(std::size_t turn_left) const {
  const auto budget = std::min(slice_.items(), turn_left);
  if (const auto& chosen = services_.node.options().slice_items)
    return std::clamp<std::size_t>(chosen(budget), 1, budget);
  return budget;
}

/// Where a partition was given back, its items are let go unprocessed. False if some were.
bool worker::let_go(slice& next, std::size_t& turn_left) {
  if (!services_.books.any_given_back())
    return true;
  const auto gone = stepper_->let_go(next.budget, *this);
  turn_left -= std::min(turn_left, gone);
  if (gone > 0) // what failed may be among them
    of_an_item_ = false;
  return gone == 0;
}

/// Where keys are held, items may have to wait behind the letters of theirs. False: there are letters to hand over
/// first.
bool worker::admit(slice& next, std::size_t& turn_left) {
  if (letters_.keys() == nullptr || letters_.keys()->empty())
    return true;
  const auto letters_before = letters_.size();
  next.budget = stepper_->admit(next.budget, *this);
  const auto letters_now = letters_.size() - letters_before;
  next.at_bound = next.budget == 0 && letters_now == 0;
  if (next.budget > 0 || next.at_bound)
    return true;
  turn_left -= std::min(turn_left, letters_now);
  return false;
}

/// While suspects remain, a stage that runs items in its turns runs a suspect alone and everything else one by one,
/// so that none is overlooked. What has killed often enough is dead-lettered: then false.
bool worker::look_ahead(slice& next) {
  if (next.at_bound || !suspicion_.remains())
    return true;
  suspicion_.forget_settled(now_);
  const auto item = stepper_->next_in_line();
  if (!item)
    return true;
  std::optional<suspect> known;
  if (item->there) {
    known = suspicion_.at(item->where);
    if (auto why = known ? suspicion_.sentence(*known) : std::nullopt) {
      dead_letter_unrun(item->where, stepper_->as_letter(), *known, std::move(*why));
      stepper_->discard();
      return false;
    }
  }
  next.enters = true;
  next.alone = known && known->deaths > 0;
  // There may be an item by the time of the slice: then it has to wait for the next.
  next.items = item->there ? 1 : 0;
  next.budget = std::min<std::size_t>(next.budget, 1);
  return true;
}

std::optional<activity> worker::run_slice(slice& next, std::size_t& turn_left) {
  const bool limited = permits_.limited() && !one_by_one_;
  if (limited)
    next.budget = permits_.take(next.budget, now_);

  if (next.enters && !suspicion_.enter(next.alone)) {
    if (limited)
      permits_.give_back(next.budget);
    return rest({}, waiting_as::suspects);
  }
  const auto began = now_;
  auto done = stepper_->step(std::min(next.budget, next.items), *this);
  if (auto in_hand = hands_.in_turns())
    in_hand.empty();
  if (next.enters)
    suspicion_.leave();
  account(waiting_as::busy);
  const auto ran = done.items + done.wasted;
  if (limited) {
    const auto used = ran + (done.what == slice_result::state::failed ? 1U : 0U);
    permits_.give_back(next.budget - std::min(next.budget, used));
  }
  turn_left -= std::min(turn_left, std::max<std::size_t>(ran, 1));
  count(done, began);
  return after_slice(next, done);
}

void worker::count(const slice_result& done, time_point began) {
  if (done.items == 0)
    return;
  const auto took = now_ - began;
  worker_counters::add(counters_.processed, done.items);
  if (!done.timed)
    counters_.latency.add(took / static_cast<std::int64_t>(done.items), done.items);
  slice_.took(took, done.items, services_.node.options().turn_items);
  // Where items are run one by one, what failed may have failed after those: each success was told as it was.
  if (!one_by_one_ && (trouble_ || judge_.suspicious()))
    succeeded();
  if (std::exchange(dead_lettered_unrun_, false))
    services_.recorder->recovered();
}

std::optional<activity> worker::after_slice(const slice& next, slice_result& done) {
  switch (done.what) {
  case slice_result::state::again:
    if (next.at_bound)
      return until_keys_change();
    if (next.budget == 0)
      return next.paused ? rest({}, waiting_as::paused)
                         : rest(permits_.next(now_), waiting_as::permit);
    return std::nullopt;
  case slice_result::state::finished:
    if (!letters_.hand_over())
      return rest({}, waiting_as::letters);
    return finish();
  case slice_result::state::failed:
    return after_failure(done);
  case slice_result::state::waiting:
    if (letters_.size() > 0)
      return std::nullopt; // first hand them over: nothing else might wake us
    return sleep_until(done);
  }
  return std::nullopt;
}

// --- success and failure -----------------------------------------------------------------------------

void worker::succeeded() {
  if (trouble_)
    record_failures({}, 0);
  trouble_.reset();
  if (judge_.succeeded())
    observer_.worker_recovered(index_);
}

std::optional<activity> worker::after_failure(slice_result& done) {
  auto& why = done.why;
  if (done.charge)
    return go_down(*done.charge, std::move(why));
  know_trouble_of(done.item);
  if (!done.item)
    return after_failure_without_item(std::move(why));
  const auto item = done.item->where;
  const auto next = decide(why, *trouble_, trouble_id_, now_);
  switch (next.what) {
  case answer::retry:
    record_failures(item, trouble_->failures());
    resume_at_ = now_ + next.delay;
    return std::nullopt;
  case answer::restart:
    record_failures(item, trouble_->failures());
    return go_down(next.charge, std::move(why));
  case answer::dead_letter:
    dead_letter_in_hand(item, why);
    return std::nullopt;
  case answer::dead_letter_and_restart:
    dead_letter_in_hand(item, why);
    return go_down(next.charge, std::move(why));
  }
  return std::nullopt;
}

/// Without an item there is nothing to dead-letter: a source that can't read tries for ever.
std::optional<activity> worker::after_failure_without_item(failure why) {
  if (why.kind != failure_kind::transient) {
    count_failure(why, *trouble_);
    return go_down(judge_.failed_without_item(), std::move(why));
  }
  const auto next = decide(why, *trouble_, trouble_id_, now_);
  resume_at_ = now_ + std::max<std::chrono::nanoseconds>(next.delay, options_.retry.delay_min);
  return std::nullopt;
}

/// What failed is the same as before, or begins with what the flight recorder knows of it.
void worker::know_trouble_of(const std::optional<failed_item>& item) {
  const auto id = item ? item->id : 0;
  if (!trouble_ || trouble_id_ != id) {
    trouble_.emplace();
    if (item && suspicion_.remains())
      if (const auto known = suspicion_.at(item->where))
        trouble_ = item_trouble::of(*known);
  }
  trouble_id_ = id;
  of_an_item_ = item.has_value();
}

void worker::dead_letter_in_hand(origin item, const failure& why) {
  letters_.add(item, stepper_->as_letter(), why, *trouble_);
  stepper_->discard();
  trouble_.reset();
  record_failures({}, 0);
}

void worker::dead_letter_unrun(origin where, item_as_letter item, const suspect& known,
                               failure why) {
  judge_.remember(why);
  letters_.add(where, std::move(item), std::move(why), item_trouble::of(known));
  dead_lettered_unrun_ = true;
}

void worker::record_failures(origin where, std::uint32_t runs) noexcept {
  if (auto in_hand = hands_.in_turns())
    in_hand.failed(where, runs);
}

activity worker::go_down(std::uint32_t charge, failure why) {
  state_.store(state::down);
  suspicion_.withdraw(); // nobody has to wait for it until it is started again
  observer_.worker_failed(index_, charge, std::move(why).within("stage '" + stage_ + "'"));
  return rest({}, waiting_as::down);
}

} // namespace weir::internal
