#include <weir/dead_letters/dead_letter_actor.hpp>
#include <weir/dead_letters/held_keys.hpp>
#include <weir/dead_letters/replay_actor.hpp>
#include <weir/stages/payload.hpp>
#include <weir/stages/worker.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <algorithm>
#include <functional>

namespace weir {

using namespace std::chrono_literals;

namespace {

// A slice commits when it ends, so it must not take long; and it must be long enough for its fixed cost (a
// virtual call, a clock read, a few counters: about 100 ns) not to show.
constexpr auto slice_short = 50us;
constexpr auto slice_long = 500us;
constexpr std::size_t slice_min = 1;

} // namespace

worker::worker(std::string name, pipeline_services& services, worker_observer& observer,
               std::size_t index, std::string stage, std::uint32_t index_in_stage,
               stage_options options, token_bucket& permits, std::unique_ptr<stepper> steps)
    : actor{std::move(name)},
      services_{services},
      observer_{observer},
      index_{index},
      stage_{std::move(stage)},
      index_in_stage_{index_in_stage},
      options_{options},
      permits_{permits},
      stepper_{std::move(steps)},
      place_{std::make_shared<const run_place>(run_place{.pipeline = services.pipeline,
                                                         .stage = stage_,
                                                         .worker = this->name(),
                                                         .worker_index = index_in_stage,
                                                         .stopping = services.stopping.get_token(),
                                                         .node = &services.node,
                                                         .worker_waker = this})},
      now_{services.node.now()},
      context_{*place_, *this} {}

worker::~worker() { withdraw(); }

void worker::record_in(std::span<flight_slot> slots) {
  slots_ = slots;
  stage_key_ = flight_key(services_.pipeline, stage_);
  if (stepper_->takes_permits())
    for (auto& one : slots)
      places_.push_back(&one);
  else
    hand_ = hand{&slots.front()};
}

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

void worker::wake_at(time_point when) noexcept {
  if (!wake_at_ || when < *wake_at_)
    wake_at_ = when;
}

std::string worker::last_failure() const {
  const std::lock_guard lock{last_failure_lock_};
  return last_failure_;
}

void worker::abandon(const std::shared_ptr<const item_run>& run) {
  const std::lock_guard lock{last_failure_lock_};
  std::erase_if(abandoned_, [](const auto& one) { return one.over(); });
  abandoned_.push_back({services_.node.wall_clock(), run});
  ++abandoned_ever_;
}

std::uint64_t worker::abandoned_ever() const {
  const std::lock_guard lock{last_failure_lock_};
  return abandoned_ever_;
}

std::vector<std::chrono::system_clock::time_point> worker::abandoned_since() const {
  std::vector<std::chrono::system_clock::time_point> since;
  const std::lock_guard lock{last_failure_lock_};
  for (const auto& one : abandoned_)
    if (!one.over())
      since.push_back(one.since);
  return since;
}

bool worker::abandoned_run::over() const {
  const auto still = run.lock();
  return !still || still->has_ended();
}

void worker::account(waiting_as how) {
  const auto now = services_.node.now();
  const auto passed = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::nanoseconds{now - now_}.count()));
  now_ = now;
  auto& counter = how == waiting_as::busy      ? counters_.busy_ns
                  : how == waiting_as::blocked ? counters_.blocked_ns
                                               : counters_.idle_ns;
  worker_counters::add(counter, passed);
}

activity worker::turn() {
  account(resting_as_);
  if (wake_at_ && *wake_at_ <= now_)
    wake_at_.reset();
  if (auto done = carry_out_order())
    return *done;
  return run_slices();
}

std::optional<activity> worker::carry_out_order() {
  switch (order_.exchange(order_given::none)) {
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
      withdraw();
      observer_.worker_stopped(index_);
    }
    break;
  case order_given::kill:
    if (now_is() == state::running)
      return go_down(blame_.failed(std::nullopt), fatal("killed"));
    break;
  case order_given::start:
    if (now_is() == state::finished)
      break;
    try {
      if (auto built = stepper_->rebuild(context_); !built)
        return go_down(blame_.failed(std::nullopt), std::move(built.error()));
    } catch (...) {
      return go_down(blame_.failed(std::nullopt), describe_current_exception());
    }
    account(waiting_as::busy);
    state_.store(state::running);
    // What failed once may fail again: after a restart it takes one item first, and twice as many each time all
    // goes well, so that little is run in vain. That is no pause: of a quick function the slices are soon long. It
    // is the supervisor's back-off that holds up those before a stage that crashes again and again.
    if (std::exchange(started_before_, true))
      slice_ = slice_min;
    break;
  }
  if (aborting_) {
    const auto look_again = stepper_->abandon_late(*this);
    return stepper_->quiet() ? finish() : rest(look_again, waiting_as::busy);
  }
  if (now_is() != state::running) {
    // A source that is told to end needs no restart for that.
    if (!stepper_->ends_on_drain() || !services_.stopping.stop_requested())
      return rest({}, waiting_as::blocked);
    state_.store(state::running);
  }
  return std::nullopt;
}

/// What has to be out of the way before new items are taken.
std::optional<activity> worker::before_slice() {
  if (!hand_over_letters()) {
    withdraw();
    return rest({}, waiting_as::blocked); // the dead-letter actor wakes us
  }
  if (resume_at_) {
    // A source that is told to stop has nothing to try again.
    const bool ends = stepper_->ends_on_drain() && services_.stopping.stop_requested();
    if (now_ < *resume_at_ && !ends)
      return rest(*resume_at_, waiting_as::blocked);
    resume_at_.reset();
  }
  return std::nullopt;
}

activity worker::run_slices() {
  // Where items are run one by one, each run takes its permit itself.
  const bool limited = permits_.limited() && !stepper_->takes_permits();
  auto in_hand = hand_;
  auto turn_left = static_cast<std::size_t>(services_.node.options().turn_items);
  while (turn_left > 0) {
    if (auto wait = before_slice())
      return *wait;
    auto budget = std::min(slice_, turn_left);
    if (const auto& chosen = services_.node.options().slice_items)
      budget = std::clamp<std::size_t>(chosen(budget), 1, budget);
    bool at_bound = false; // of its held keys: it takes no item, but hands on what it has made
    if (keys_ != nullptr && !keys_->empty()) {
      const auto letters_before = outgoing_.size();
      budget = stepper_->admit(budget, *this);
      const auto letters_now = outgoing_.size() - letters_before;
      if (letters_now > 0 && budget == 0) {
        turn_left -= std::min(turn_left, letters_now);
        continue; // and hands them over
      }
      at_bound = budget == 0;
    }
    caution careful;
    if (!at_bound && suspects_remain()) {
      careful = look_ahead();
      if (careful.dead_lettered)
        continue;
      budget = std::min(budget, std::max<std::size_t>(careful.items, 1));
    }
    if (limited)
      budget = permits_.take(budget, now_);
    if (const auto backlog = stepper_->backlog();
        backlog > counters_.backlog_max.load(std::memory_order_relaxed))
      counters_.backlog_max.store(backlog, std::memory_order_relaxed);

    if (careful.asked && !enter(careful.alone)) {
      if (limited)
        permits_.give_back(budget);
      return rest({}, waiting_as::blocked);
    }
    const auto began = now_;
    const auto done = stepper_->step(std::min(budget, careful.items), *this);
    if (in_hand)
      in_hand.empty();
    if (careful.asked)
      leave();
    account(waiting_as::busy);
    if (limited)
      permits_.give_back(
          budget
          - std::min(budget, done.items + done.wasted
                                 + (done.what == slice_result::state::failed ? 1U : 0U)));
    turn_left -= std::min(turn_left, std::max<std::size_t>(done.items + done.wasted, 1));

    if (done.items > 0) {
      const auto took = now_ - began;
      worker_counters::add(counters_.processed, done.items);
      if (!done.timed)
        counters_.latency.add(took / static_cast<std::int64_t>(done.items), done.items);
      if (took > slice_long)
        slice_ = std::max(slice_min, slice_ / 2);
      else if (took < slice_short && done.items == slice_)
        slice_ = std::min<std::size_t>(slice_ * 2, services_.node.options().turn_items);
      // Where items are run one by one, what failed may have failed after those: each success was told as it was.
      if (!stepper_->takes_permits() && (trouble_ || blame_.suspicious()))
        succeeded();
      if (std::exchange(dead_lettered_unrun_, false))
        services_.recorder->recovered();
    }

    switch (done.what) {
    case slice_result::state::again:
      if (at_bound) {
        if (auto wait = until_keys_change())
          return *wait;
      } else if (budget == 0)
        return rest(permits_.next(now_),
                    stepper_->backlog() > 0 ? waiting_as::blocked : waiting_as::idle);
      break;
    case slice_result::state::finished:
      if (!hand_over_letters())
        return rest({}, waiting_as::blocked);
      return finish();
    case slice_result::state::failed:
      if (auto wait = after_failure(done.charge))
        return *wait;
      break;
    case slice_result::state::waiting:
      if (!outgoing_.empty())
        break; // first hand them over: nothing else might wake us
      if (auto wait = sleep_until(done))
        return *wait;
      break;
    }
    if (order_.load(std::memory_order_relaxed) != order_given::none)
      return activity::again();
  }
  resting_as_ = waiting_as::busy; // it could work, it lets others
  return activity::again();
}

void worker::succeeded() {
  if (trouble_)
    record_failures({}, 0);
  trouble_.reset();
  if (blame_.succeeded())
    observer_.worker_recovered(index_);
}

item_trouble worker::trouble_in_hand() const { return trouble_.value_or(item_trouble{}); }

void worker::count_failure(const failure& why, item_trouble& trouble) {
  worker_counters::add(counters_.failed, 1);
  if (trouble.attempts++ == 0)
    trouble.first_failed_at = services_.node.wall_clock();
  const std::lock_guard lock{last_failure_lock_};
  last_failure_ = why.message();
}

worker::decision worker::decide(const failure& why, item_trouble& trouble, std::uint64_t item_id,
                                time_point began, bool again) {
  count_failure(why, trouble);
  decision made{.what = answer_to(why.kind, trouble.attempts, options_.retry)};
  if (!again && made.what == answer::retry)
    made.what = answer::dead_letter;
  if (!again && made.what == answer::restart)
    made.what = answer::dead_letter_and_restart;
  // An item that uses up its attempts may not be at fault: nothing may succeed now. Runs that went on side by
  // side with the one that was blamed last don't say more than that one: they did not fail in a row.
  if (made.what != answer::retry && why.kind != failure_kind::poison && began >= blamed_at_) {
    made.charge = blame_.failed(item_id);
    blamed_at_ = now_;
    // An item that is never dead-lettered would be forgiven for ever.
    if (made.charge == 0 && again && options_.retry.attempts == unlimited)
      made.charge = 1;
  }
  if (made.what == answer::dead_letter && made.charge > 0)
    made.what = answer::dead_letter_and_restart;
  // Nothing of the user's can fail here, so there is no store; but copying an item can, or making room for it.
  if (services_.dead_letters == nullptr && again && made.what != answer::retry) {
    made.what = answer::restart;
    made.charge = std::max(made.charge, 1U);
  }
  if (made.what == answer::retry) {
    const auto delay = options_.retry.delay(trouble.attempts, services_.node.random());
    made.delay = std::max<std::chrono::nanoseconds>(
        delay, std::clamp<std::chrono::milliseconds>(why.retry_after.value_or(0ms), 0ms,
                                                     backoff::longest));
  }
  return made;
}

std::optional<activity> worker::after_failure(std::optional<std::uint32_t> charge) {
  auto why = stepper_->take_failure();
  if (charge)
    return go_down(*charge, std::move(why));
  const auto item = stepper_->in_hand();
  const auto id = item ? stepper_->in_hand_id() : 0;
  if (!trouble_ || trouble_id_ != id) {
    trouble_.emplace();
    if (item && suspects_remain())
      if (const auto known = suspicion(*item))
        trouble_ = trouble_of(*known);
  }
  trouble_id_ = id;
  if (!item && why.kind != failure_kind::transient) {
    count_failure(why, *trouble_);
    return go_down(blame_.failed(std::nullopt), std::move(why));
  }
  // Without an item there is nothing to dead-letter: a source that can't read tries for ever.
  auto next = decide(why, *trouble_, id, now_);
  if (!item) {
    resume_at_ = now_ + std::max<std::chrono::nanoseconds>(next.delay, options_.retry.delay_min);
    return std::nullopt;
  }
  if (next.what == answer::retry || next.what == answer::restart)
    record_failures(*item, trouble_->failures());
  switch (next.what) {
  case answer::retry:
    resume_at_ = now_ + next.delay;
    return std::nullopt;
  case answer::restart:
    return go_down(next.charge, std::move(why));
  case answer::dead_letter:
  case answer::dead_letter_and_restart:
    break;
  }
  to_dead_letters(*item, stepper_->payload(), stepper_->payload_type(), why, *trouble_,
                  letter_of::whole_item, stepper_->key_in_hand());
  stepper_->discard();
  trouble_.reset();
  record_failures({}, 0);
  if (next.what == answer::dead_letter)
    return std::nullopt;
  return go_down(next.charge, std::move(why));
}

activity worker::go_down(std::uint32_t charge, failure why) {
  state_.store(state::down);
  withdraw(); // nobody has to wait for it until it is started again
  observer_.worker_failed(index_, charge, std::move(why).within("stage '" + stage_ + "'"));
  return rest({}, waiting_as::blocked);
}

void worker::to_dead_letters(origin where, std::string payload, const std::type_info& payload_type,
                             failure why, const item_trouble& trouble, letter_of what,
                             std::string key) {
  const auto read_at =
      what == letter_of::stranger ? resume_point{} : services_.books.position_of(where);
  // Several items of one position may fail in one stage: their payloads tell them apart, the same ones again
  // after a crash; equal payloads are counted.
  const auto part = static_cast<std::uint32_t>(std::hash<std::string>{}(payload));
  dead_letter letter{.pipeline = services_.pipeline,
                     .stage = stage_,
                     .source = read_at.partition,
                     .position = read_at.position,
                     .key = std::move(key),
                     .payload = std::move(payload),
                     .payload_type = type_name(payload_type),
                     .attempts = trouble.attempts,
                     .first_failed_at = trouble.first_failed_at,
                     .last_failed_at = services_.node.wall_clock(),
                     .why = std::move(why)};
  const bool same =
      services_.replays != nullptr && services_.replays->identify(letter, where, what);
  if (!same) {
    letter.part =
        part
        + services_.dead_letters->letters_before(stage_, {letter.source, letter.position}, part);
    if (letter.source.empty()) // nothing else tells it from one of another life
      letter.position = services_.dead_letters->life();
  }
  // The letter of a replayed item has been counted, unless it was edited into another key.
  const bool counts = keys_ != nullptr && !letter.key.empty() && !(same && keys_->one(letter.key));
  if (counts)
    keys_->add(letter.key, {letter.source, letter.position});
  outgoing_.push_back({.letter = std::move(letter),
                       .where = where,
                       .from = this,
                       .keys = counts ? keys_ : nullptr});
  worker_counters::add(counters_.dead_lettered, 1);
  letters_on_their_way_.fetch_add(1);
}

void worker::take_back(std::size_t letters) noexcept {
  outgoing_.erase(outgoing_.end() - static_cast<std::ptrdiff_t>(letters), outgoing_.end());
  counters_.dead_lettered.fetch_sub(letters, std::memory_order_relaxed);
  letters_on_their_way_.fetch_sub(static_cast<std::uint32_t>(letters));
}

bool worker::keys_full() const noexcept { return keys_->full(); }

std::optional<std::string> worker::held_behind(const std::string& key, origin where) const {
  return keys_->held_behind(key, services_.books.position_of(where));
}

void worker::hold_behind(const std::string& whom, origin where, std::string payload,
                         const std::type_info& payload_type, std::string key) {
  to_dead_letters(where, std::move(payload), payload_type,
                  transient("held behind " + whom + " of the same key"),
                  {.attempts = 0, .first_failed_at = services_.node.wall_clock()},
                  letter_of::whole_item, std::move(key));
}

/// The letters of the held keys are at their bound: stops until there are fewer, or one is replayed.
std::optional<activity> worker::until_keys_change() {
  auto* const replays = stepper_->replays();
  const auto something_there = [&] {
    return replays != nullptr && replays->consumer_may_go_on() && !replays->drained();
  };
  if (replays != nullptr)
    replays->announce_consumer_waiting();
  if (keys_->call_when_changed(*this) && !something_there()) {
    services_.replays->recount(); // there may be fewer than it seems, as after a crash
    withdraw();
    return rest({}, waiting_as::blocked);
  }
  if (replays != nullptr)
    replays->withdraw_consumer_waiting();
  return std::nullopt;
}

bool worker::hand_over_letters() {
  std::size_t taken = 0;
  while (taken < outgoing_.size() && services_.dead_letters->offer(outgoing_[taken], *this))
    ++taken;
  outgoing_.erase(outgoing_.begin(), outgoing_.begin() + static_cast<std::ptrdiff_t>(taken));
  return outgoing_.empty();
}

/// Stops until something changes, unless something has changed already.
std::optional<activity> worker::sleep_until(const slice_result& next) {
  if (keys_ != nullptr && !input_ended_ && stepper_->only_replays_left()) {
    input_ended_ = true;
    services_.replays->input_ended(stage_);
  }
  std::vector<ring_base*> inputs;
  std::vector<ring_base*> outputs;
  if (next.for_input)
    stepper_->inputs(inputs);
  if (next.for_credit)
    stepper_->blocked_on(outputs);
  for (auto* one : inputs)
    one->announce_consumer_waiting();
  for (auto* one : outputs)
    one->announce_producer_waiting();
  const bool changed =
      (next.for_input && stepper_->input_there())
      || std::ranges::any_of(outputs, [](auto* one) { return one->producer_may_go_on(); });
  if (changed) {
    for (auto* one : inputs)
      one->withdraw_consumer_waiting();
    for (auto* one : outputs)
      one->withdraw_producer_waiting();
    return std::nullopt;
  }
  return rest(next.until, next.time);
}

activity worker::rest(std::optional<time_point> until, waiting_as how) {
  resting_as_ = how;
  if (wake_at_ && (!until || *wake_at_ < *until))
    until = wake_at_;
  return activity::asleep(until);
}

activity worker::finish() {
  nothing_in_hand();
  state_.store(state::finished);
  if (stepper_->ends_on_drain() && services_.replays != nullptr)
    services_.replays->source_ended();
  observer_.worker_finished(index_, std::nullopt);
  return activity::finished();
}

void worker::crashed(failure why) noexcept {
  stepper_->abandon_all(*this);
  nothing_in_hand();
  state_.store(state::finished);
  observer_.worker_finished(index_, std::move(why).within("worker '" + name() + "'"));
}

// --- what may have killed an earlier process ---------------------------------------------------------

bool worker::enter(bool alone) {
  const bool entered = services_.recorder->suspects().enter(alone, *this);
  if (entered)
    ++entered_;
  return entered;
}

void worker::leave() noexcept {
  --entered_;
  services_.recorder->suspects().leave();
}

/// After its last turn: runs that ended since it was aborted hold up nobody, and are in nobody's hand.
void worker::nothing_in_hand() noexcept {
  if (services_.recorder == nullptr)
    return;
  for (auto& one : slots_)
    one.empty();
  while (entered_ > 0)
    leave();
  withdraw();
}

hand worker::take_place() {
  if (places_.empty())
    return {};
  const hand place{places_.back()};
  places_.pop_back();
  return place;
}

void worker::give_place(hand place) {
  if (!place)
    return;
  place.empty();
  place.failed({}, 0);
  places_.push_back(place.slot());
}

void worker::record_failures(origin where, std::uint32_t runs) noexcept {
  if (auto in_hand = hand_)
    in_hand.failed(where, runs);
}

bool worker::recorded_suspects_remain() const noexcept {
  return services_.recorder->suspects().remain();
}

void worker::withdraw() noexcept {
  if (services_.recorder != nullptr)
    services_.recorder->suspects().withdraw(*this);
}

bool worker::suspected(origin where) const {
  if (where.empty())
    return false;
  if (where.is_group())
    return std::ranges::any_of(where.group()->members(),
                               [this](origin one) { return suspected(one); });
  return services_.recorder->suspects().any_at(services_.partition_keys[where.partition()],
                                               where.position());
}

std::optional<suspect> worker::suspicion(origin where) const {
  if (where.empty())
    return std::nullopt;
  if (!where.is_group())
    return services_.recorder->suspects().at(
        stage_key_, services_.partition_keys[where.partition()], where.position());
  std::optional<suspect> gravest;
  for (const auto one : where.group()->members())
    if (const auto known = suspicion(one);
        known && (!gravest || known->attempts() > gravest->attempts()))
      gravest = known;
  return gravest;
}

std::optional<failure> worker::sentence(const suspect& known) const {
  const auto most =
      options_.retry.attempts == unlimited ? flight_recorder::deaths_max : options_.retry.attempts;
  // Somebody who was only there goes on: running alone, it will not be there the next time.
  if (known.deaths == 0 || known.alone == 0 || known.attempts() < most
      || services_.dead_letters == nullptr)
    return std::nullopt;
  return poison(cause_of_death(known.last_status()) + " while in hand, "
                + std::to_string(known.deaths) + (known.deaths == 1 ? " time" : " times"));
}

item_trouble worker::trouble_of(const suspect& known) {
  return {.attempts = known.attempts(),
          .first_failed_at =
              std::chrono::system_clock::time_point{std::chrono::milliseconds{known.first_at}},
          .deaths = known.deaths};
}

void worker::dead_letter_unrun(origin where, std::string payload,
                               const std::type_info& payload_type, const suspect& known,
                               failure why, std::string key) {
  {
    const std::lock_guard lock{last_failure_lock_};
    last_failure_ = why.message();
  }
  to_dead_letters(where, std::move(payload), payload_type, std::move(why), trouble_of(known),
                  letter_of::whole_item, std::move(key));
  dead_lettered_unrun_ = true;
}

/// Of a stage that runs items in its turns. A suspect runs alone, everything else one by one, so that none is
/// overlooked; what has killed often enough is dead-lettered.
worker::caution worker::look_ahead() {
  forget_settled();
  const auto next = stepper_->next_in_line();
  if (!next)
    return {};
  if (!next->there) // there may be something by the time of the slice: then it has to wait for the next
    return {.asked = true, .items = 0};
  const auto known = suspicion(next->where);
  if (known)
    if (auto why = sentence(*known)) {
      dead_letter_unrun(next->where, stepper_->payload(), stepper_->payload_type(), *known,
                        std::move(*why), stepper_->key_in_hand());
      stepper_->discard();
      return {.dead_lettered = true};
    }
  return {.asked = true, .alone = known && known->deaths > 0, .items = 1};
}

void worker::forget_settled() {
  constexpr auto every = 10ms;
  if (now_ - looked_at_partitions_ < every)
    return;
  looked_at_partitions_ = now_;
  services_.note_settled();
}

void pipeline_services::note_settled() const {
  for (std::uint32_t partition = 0; partition < partition_keys.size(); ++partition)
    recorder->suspects().settled(partition_keys[partition],
                                 books.partition_at(partition).prefix_with({}));
}

namespace {

void add_members(origin where, flight_slot::ranges& into) noexcept {
  if (!where.is_group()) {
    into.add(where);
    return;
  }
  for (const auto one : where.group()->members())
    add_members(one, into);
}

} // namespace

void hand::take_batch(origin where) noexcept {
  flight_slot::ranges all;
  add_members(where, all); // also of a batch of batches
  slot_->take(all);
}

void hand::failed(origin where, std::uint32_t runs) noexcept {
  if (where.is_group())
    where = where.group()->members().size() == 1 ? where.group()->members().front() : origin{};
  slot_->failed(where.is_group() ? 0 : where.word(), where.empty() ? 0 : runs);
}

} // namespace weir
