#include <weir/dead_letters/replay_actor.hpp>
#include <weir/supervision/flight_recorder.hpp>
#include <weir/supervision/retry.hpp>

#include <algorithm>
#include <span>

namespace weir {

using namespace std::chrono_literals;

namespace {

/// Letters that are claimed and wait for credit, a permit or the letter before them.
constexpr std::size_t waiting_max = 256;
constexpr std::size_t claimed_at_once = 64;
constexpr std::size_t taken_in_a_turn = 64; // letters
/// Keys whose letters the store is asked for in one turn: an abort does not wait for all of them.
constexpr std::size_t keys_in_a_turn = 64;
/// Replays that wait for their turn.
constexpr std::size_t asked_for_max = 64;
/// Tries in a row that the end of the stream gives a store that does not answer.
constexpr std::uint32_t refusals_max = 3;

/// What keeps letters in order among each other: the key, at a stage. Empty: nothing does.
std::string order_of(const std::string& stage, const std::string& key) {
  return key.empty() ? "" : stage + "\n" + key;
}

/// The store's answer. One that throws has failed.
template <class Call>
auto answer_to(Call call) -> decltype(call()) {
  try {
    return call();
  } catch (...) {
    return describe_current_exception();
  }
}

} // namespace

std::string to_string(const replay_outcome& outcome) {
  auto text = std::to_string(outcome.requested) + " requested: " + std::to_string(outcome.succeeded)
              + " succeeded, " + std::to_string(outcome.failed_again) + " failed again";
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count > 0)
      text += ", " + std::to_string(count) + " " + what;
  };
  add(outcome.unreadable, "unreadable");
  add(outcome.held_back, "held back");
  add(outcome.given_back, "given back");
  add(outcome.under_way, "under way before");
  add(outcome.too_often, "replayed too often");
  if (outcome.why)
    text += "; " + outcome.why->message();
  return text;
}

replay_actor::replay_actor(runtime& node, acknowledgement& books, std::string pipeline,
                           std::shared_ptr<dead_letter_store> store, dead_letter_queue& queue,
                           replay_settings settings, flight_recorder* recorder,
                           std::function<void(std::optional<failure>)> finished,
                           std::function<void(const replay_run&)> tells)
    : actor{"replay"},
      node_{node},
      books_{books},
      pipeline_{std::move(pipeline)},
      store_{std::move(store)},
      queue_{queue},
      settings_{settings},
      finished_{std::move(finished)},
      tells_{std::move(tells)},
      recorder_{recorder},
      recorded_partition_{flight_key(pipeline_, acknowledgement::replay_partition_name)} {
  books.add_replay_partition(*this);
}

void replay_actor::set_stages(std::vector<stage> stages, std::size_t sources) {
  stages_ = std::move(stages);
  for (const auto& one : stages_)
    if (one.inlet)
      for (const auto& ring : one.inlet->rings())
        ring->set_producer(this);
  const std::lock_guard lock{lock_};
  sources_left_ = sources;
}

// --- any thread --------------------------------------------------------------------------------------

result<std::shared_ptr<replay_run>> replay_actor::replay(dead_letter_filter filter,
                                                         replay_options options) {
  if (!filter.pipeline.empty() && filter.pipeline != pipeline_)
    return poison("this is pipeline '" + pipeline_ + "', not '" + filter.pipeline + "'");
  filter.pipeline = pipeline_;
  auto run = std::make_shared<replay_run>(node_, std::move(filter), std::move(options));
  {
    const std::lock_guard lock{lock_};
    if (closed_ || stopping_)
      return transient("pipeline '" + pipeline_ + "' is ending and takes nothing in any more");
    if (asked_for_.size() >= asked_for_max)
      return transient(std::to_string(asked_for_max) + " replays of pipeline '" + pipeline_
                       + "' wait for their turn already");
    asked_for_.push_back(run);
  }
  wake();
  return run;
}

void replay_actor::look() {
  {
    const std::lock_guard lock{lock_};
    look_now_ = true;
    count_now_ = true;
  }
  wake();
}

void replay_actor::recount() {
  {
    const std::lock_guard lock{lock_};
    count_now_ = true;
  }
  wake();
}

bool replay_actor::identify(dead_letter& letter, origin where, letter_of what) {
  const auto first = acknowledgement::first_of(where);
  if (!books_.is_replayed(first))
    return false;
  const std::lock_guard lock{lock_};
  const auto found = in_flight_.find(first.position());
  if (found == in_flight_.end())
    return false;
  auto& was = found->second;
  if (what != letter_of::stranger) {
    letter.source = was.source;
    letter.position = was.position;
  }
  if (what == letter_of::whole_item && !where.is_group()
      && letter.stage == stages_[was.stage].name) {
    letter.part = was.part;
    was.put_back = true;
    return true;
  }
  letter.replay_count = was.replay_count + 1; // another letter, with the history of this one
  return false;
}

void replay_actor::source_ended() {
  {
    const std::lock_guard lock{lock_};
    if (sources_left_ > 0)
      --sources_left_;
  }
  wake();
}

void replay_actor::input_ended(std::string_view stage_name) {
  {
    const std::lock_guard lock{lock_};
    const auto found = std::ranges::find(stages_, stage_name, &stage::name);
    if (found != stages_.end() && found->inputs_left > 0)
      --found->inputs_left;
  }
  wake();
}

void replay_actor::stop() {
  {
    const std::lock_guard lock{lock_};
    stopping_ = true;
  }
  wake();
}

void replay_actor::abort() {
  {
    const std::lock_guard lock{lock_};
    stopping_ = true;
    aborted_ = true;
  }
  wake();
}

void replay_actor::workers_finished() {
  {
    const std::lock_guard lock{lock_};
    workers_finished_ = true;
  }
  wake();
}

void replay_actor::letters_finished() {
  {
    const std::lock_guard lock{lock_};
    letters_finished_ = true;
  }
  wake();
}

void replay_actor::replayed_item_ended(std::uint64_t position, outcome how) noexcept {
  {
    const std::lock_guard lock{lock_};
    const auto found = in_flight_.find(position);
    if (found == in_flight_.end())
      return;
    found->second.how = how;
    ended_.insert(in_flight_.extract(found));
  }
  if (recorder_ != nullptr)
    recorder_->suspects().gone(recorded_partition_, position);
  wake();
}

std::size_t replay_actor::in_flight() const {
  const std::lock_guard lock{lock_};
  return in_flight_.size();
}

std::string replay_actor::trouble() const {
  const std::lock_guard lock{lock_};
  return trouble_;
}

// --- the actor's turns -------------------------------------------------------------------------------

activity replay_actor::turn() {
  const bool counted = to_count_.empty(); // so that letters were put in since
  take_outcomes();
  bool stopping = false;
  bool aborted = false;
  bool over = false; // nothing is in the pipeline any more
  {
    const std::lock_guard lock{lock_};
    stopping = stopping_;
    aborted = aborted_;
    over = workers_finished_ && letters_finished_ && ended_.empty();
    if (std::exchange(count_now_, false))
      to_count_all_ = true;
    if (over) {
      for (const auto& [position, left] : in_flight_) // by an abort
        to_give_back_.push_back(left.id);
      in_flight_.clear();
    }
  }
  // While a replay goes on nothing is looked for; but what a stage at its bound waits for may have been purged.
  if (work_ && at_bound() && node_.now() >= look_at_) {
    look_at_ = next_look();
    to_count_all_ = true;
  }
  if (aborted) { // nothing flows any more
    to_count_.clear();
    to_count_all_ = false;
  }
  if (to_count_all_ && counted)
    count_all_keys();
  if (over || stopping)
    give_back_waiting();
  const bool done = chores(!aborted);
  if (done && !to_count_.empty()) // what is put in may depend on it
    return activity::again();
  if (over && (done || aborted)) {
    if (work_)
      end_work();
    finish_asked_for(transient("pipeline '" + pipeline_ + "' is ending"));
    return activity::finished();
  }
  if (!done) { // but the end of the stream does not wait for the store
    close_if_over();
    return activity::asleep(retry_at_);
  }

  std::optional<time_point> next;
  for (;;) {
    if (!work_)
      begin_next();
    if (!work_ || (work_->to_ask && !ask()))
      break;
    next = put_in();
    if (!to_withdraw_.empty() || (next && *next <= node_.now()))
      return activity::again(); // the store is told before the replay ends
    if (!work_->waiting.empty() || !work_->exhausted || work_->in_flight > 0)
      break;
    const auto more = follow();
    if (more == following::claimed)
      continue;
    if (more == following::next_turn)
      return activity::again();
    if (more == following::later)
      break;
    if (!work_->too_late
             .empty()) { // not before there is nothing more to claim: it would be claimed again
      give_back_waiting();
      return activity::again();
    }
    end_work();
  }
  if (!to_count_.empty() || to_count_all_)
    return activity::again();
  if (close_if_over())
    return activity::asleep();
  auto until = next.value_or(time_point::max());
  if (!work_ || at_bound())
    until = std::min(until, look_at_);
  if (node_.now() < retry_at_)
    until = std::min(until, retry_at_);
  return until == time_point::max() ? activity::asleep() : activity::asleep(until);
}

/// Brings the store up to date; false if it refuses, and is to be asked again at retry_at_.
bool replay_actor::chores(bool counts) {
  if (node_.now() < retry_at_)
    return false;
  auto done = settle_with_store();
  if (done && counts)
    done = count_keys();
  if (done) {
    failures_in_a_row_ = 0;
    if (!work_ || work_->refused == 0)
      say_trouble({});
    return true;
  }
  say_trouble(done.error().message());
  retry_at_ = node_.now() + backoff{}.delay(++failures_in_a_row_, node_.random());
  return false;
}

void replay_actor::take_outcomes() {
  decltype(ended_) ended;
  {
    const std::lock_guard lock{lock_};
    ended.swap(ended_);
  }
  for (const auto& [id, letter] : ended) {
    const bool failed = letter.how == outcome::dead_lettered;
    if (!letter.put_back || !failed) // gone through, or a letter of a later stage instead
      to_mark_.push_back(letter.id);
    if (!letter.key.empty()) {
      to_count_.emplace(letter.stage, letter.key);
      const auto order = order_of(stages_[letter.stage].name, letter.key);
      work_->keys_in_flight.erase(order);
      if (failed)
        work_->keys_stopped.insert(order);
      else if (stages_[letter.stage].keys != nullptr)
        work_->to_follow.emplace(letter.stage, letter.key);
    }
    --work_->in_flight;
    work_->run->change(
        [&](auto& outcome) { ++(failed ? outcome.failed_again : outcome.succeeded); });
  }
}

result<void> replay_actor::settle_with_store() {
  if (!to_mark_.empty()) {
    if (auto done = answer_to([&] { return queue_.replayed(to_mark_, by()); }); !done)
      return done;
    to_mark_.clear();
  }
  if (!to_give_back_.empty()) {
    if (auto done = answer_to([&] { return queue_.release(to_give_back_); }); !done)
      return done;
    to_give_back_.clear();
  }
  while (!to_withdraw_.empty()) {
    const auto why = to_withdraw_.front().why;
    std::vector<std::uint64_t> ids;
    for (const auto& one : to_withdraw_)
      if (one.why == why)
        ids.push_back(one.id);
    if (auto done = answer_to([&] { return queue_.withdraw(ids, why, by()); }); !done)
      return done;
    std::erase_if(to_withdraw_, [&](const auto& one) { return one.why == why; });
  }
  return {};
}

/// A key whose letters are all gone flows again. What is left over is for the next turn; a key that was counted in
/// vain comes after all others.
result<void> replay_actor::count_keys() {
  for (std::size_t counted = 0;; ++counted) {
    if (to_count_.empty())
      for (std::size_t k = 0; k < stages_.size(); ++k)
        if (stages_[k].keys != nullptr)
          for (const auto& seen : stages_[k].keys->counted_in_vain())
            to_count_.emplace(k, seen.key);
    if (to_count_.empty() || counted == keys_in_a_turn)
      return {};
    const auto& [index, key] = *to_count_.begin();
    const auto& where = stages_[index];
    if (where.keys != nullptr)
      if (const auto seen = where.keys->one(key))
        if (auto done = count(where, *seen); !done)
          return done;
    to_count_.erase(to_count_.begin());
  }
}

result<void> replay_actor::count(const stage& where, const held_keys::key_state& seen) {
  const dead_letter_filter filter{.pipeline = pipeline_, .stage = where.name, .key = seen.key};
  auto first = answer_to([&] { return queue_.select(filter, 1); });
  if (!first)
    return std::move(first.error());
  std::uint64_t letters = 0;
  if (!first->empty()) {
    auto causes = answer_to([&] { return queue_.histogram(filter); });
    if (!causes)
      return std::move(causes.error());
    for (const auto& one : *causes)
      letters += one.count;
  }
  where.keys->counted(seen, letters,
                      first->empty()
                          ? resume_point{}
                          : resume_point{first->front().source, first->front().position});
  return {};
}

/// Somebody may have purged them.
void replay_actor::count_all_keys() {
  to_count_all_ = false;
  for (std::size_t k = 0; k < stages_.size(); ++k)
    if (stages_[k].keys != nullptr)
      for (const auto& seen : stages_[k].keys->all())
        to_count_.emplace(k, seen.key);
}

time_point replay_actor::next_look() const {
  return queue_.outlives_process() ? node_.now() + settings_.look_every : time_point::max();
}

bool replay_actor::at_bound() const {
  return std::ranges::any_of(
      stages_, [](const auto& one) { return one.keys != nullptr && one.keys->full(); });
}

/// What was asked for here, or else, when it is time, what others asked the store for.
void replay_actor::begin_next() {
  std::shared_ptr<replay_run> run;
  const auto now = node_.now();
  bool looks = false;
  {
    const std::lock_guard lock{lock_};
    if (closed_ || stopping_)
      return;
    if (!asked_for_.empty()) {
      run = std::move(asked_for_.front());
      asked_for_.pop_front();
    } else if (look_now_ || now >= look_at_) {
      look_now_ = false;
      looks = true;
    }
  }
  if (looks) {
    look_at_ = next_look();
    looked_ = true;
    count_all_keys();
    run = std::make_shared<replay_run>(
        node_, dead_letter_filter{.pipeline = pipeline_},
        replay_options{.rate = settings_.rate, .check_type = settings_.check_type});
  }
  if (!run)
    return;
  work_ = std::make_unique<work>(std::move(run), now);
  work_->to_ask = !looks;
  work_->asked_by_others = looks;
}

/// False if the store did not answer, and is to be asked again at retry_at_; so also claim.
bool replay_actor::ask() {
  auto& run = *work_->run;
  const auto& options = run.options();
  auto asked = answer_to([&] {
    return queue_.request_replay(
        run.filter(),
        {.replays_max = options.replays_max, .forced = options.forced, .dry_run = options.dry_run},
        by());
  });
  std::vector<dead_letter_count> causes;
  if (asked && options.dry_run) {
    auto counted = answer_to([&] { return queue_.histogram(run.filter()); });
    if (counted)
      causes = std::move(*counted);
    else
      asked = std::move(counted.error());
  }
  if (!asked)
    return !refused(std::move(asked.error()));
  work_->to_ask = false;
  work_->exhausted = options.dry_run;
  run.change([&](auto& outcome) {
    outcome.requested = asked->requested;
    outcome.under_way = asked->under_way;
    outcome.too_often = asked->too_often;
    outcome.causes = std::move(causes);
  });
  return answered();
}

bool replay_actor::claim() {
  auto filter = work_->run->filter();
  filter.limit = 0; // it held for what was asked for
  auto claimed = answer_to([&] { return queue_.claim_requested(filter, claimed_at_once); });
  if (!claimed)
    return !refused(std::move(claimed.error()));
  work_->exhausted = claimed->empty();
  if (work_->asked_by_others)
    work_->run->change([&](auto& outcome) { outcome.requested += claimed->size(); });
  if (!claimed->empty() && !std::exchange(work_->told, true))
    tells_(*work_->run);
  for (auto& one : *claimed)
    work_->waiting.push_back(std::move(one));
  return answered();
}

/// The store has answered the replay that goes on. True.
bool replay_actor::answered() {
  if (std::exchange(work_->refused, 0) > 0) {
    work_->run->change([](auto& outcome) { outcome.why.reset(); });
    say_trouble({});
  }
  return true;
}

/// It has not. True if it is to be asked again at retry_at_; else the replay ends with what it has.
bool replay_actor::refused(failure why) {
  say_trouble(why.message());
  const bool again = why.kind == failure_kind::transient;
  work_->run->change([&](auto& outcome) { outcome.why = std::move(why); });
  if (again) {
    retry_at_ = node_.now() + backoff{}.delay(++work_->refused, node_.random());
  } else {
    work_->to_ask = false;
    work_->exhausted = true;
    work_->to_follow.clear();
  }
  return again;
}

void replay_actor::say_trouble(std::string what) {
  const std::lock_guard lock{lock_};
  trouble_ = std::move(what);
}

/// What is held behind a letter that has gone through follows it, also what has come since.
replay_actor::following replay_actor::follow() {
  auto at = work_->to_follow.begin();
  for (std::size_t looked = 0; at != work_->to_follow.end(); ++looked) {
    if (looked == keys_in_a_turn)
      return following::next_turn;
    const auto& [index, key] = *at;
    const auto& where = stages_[index];
    const auto stopped = work_->keys_stopped.contains(order_of(where.name, key));
    if (!stopped && !where.closed && where.keys->one(key)) {
      const dead_letter_filter behind{.pipeline = pipeline_, .stage = where.name, .key = key};
      const auto& options = work_->run->options();
      auto asked = answer_to([&] {
        return queue_.request_replay(
            behind, {.replays_max = options.replays_max, .forced = options.forced}, by());
      });
      if (!asked)
        return refused(std::move(asked.error())) ? following::later : following::nothing;
      work_->run->change([&](auto& outcome) { outcome.requested += asked->requested; });
      auto claimed = answer_to([&] { return queue_.claim_requested(behind, claimed_at_once); });
      if (!claimed)
        return refused(std::move(claimed.error())) ? following::later : following::nothing;
      answered();
      for (auto& one : *claimed)
        work_->waiting.push_back(std::move(one));
      if (!claimed->empty())
        return following::claimed;
      if (where.keys->tell_when_stored(key))
        return following::later;
    }
    at = work_->to_follow.erase(at);
  }
  return following::nothing;
}

bool replay_actor::stopping() const {
  const std::lock_guard lock{lock_};
  return stopping_;
}

/// Puts in what may go in now. Returns when to go on, if that is known: at once, or when a permit or the store will
/// be there.
std::optional<time_point> replay_actor::put_in() {
  std::set<std::string> without_credit; // stages
  auto& waiting = work_->waiting;
  for (std::size_t k = 0, taken = 0;;) {
    if (k == waiting.size()) {
      if (work_->exhausted || waiting.size() >= waiting_max)
        return std::nullopt;
      if (!claim())
        return retry_at_;
      continue;
    }
    if (taken == taken_in_a_turn || stopping())
      return node_.now(); // a drain and what has ended don't wait for all the letters
    const auto& letter = waiting[k];
    const auto order = order_of(letter.stage, letter.key);
    const auto leaves = [&] { waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(k)); };
    if (work_->keys_stopped.contains(order)) {
      stays(letter, "an earlier letter of its key stays", &replay_outcome::held_back);
      leaves();
      ++taken;
      continue;
    }
    if (work_->keys_in_flight.contains(order) || without_credit.contains(letter.stage)) {
      ++k;
      continue;
    }
    const auto now = node_.now();
    if (work_->permits.take(1, now) == 0)
      return work_->permits.next(now);
    const auto came_of_it = put_in(letter);
    if (came_of_it != answer::put)
      work_->permits.give_back(1);
    switch (came_of_it) {
    case answer::put:
      if (!order.empty())
        work_->keys_in_flight.insert(order);
      ++work_->in_flight;
      leaves();
      ++taken;
      break;
    case answer::stays:
      if (!order.empty())
        work_->keys_stopped.insert(order);
      leaves();
      ++taken;
      break;
    case answer::too_late:
      leaves();
      ++taken;
      break;
    case answer::no_credit:
      without_credit.insert(letter.stage);
      ++k;
      break;
    case answer::later:
      return now + 1s; // the store did not answer
    }
  }
}

replay_actor::answer replay_actor::put_in(const dead_letter& letter) {
  const auto to = std::ranges::find(stages_, letter.stage, &stage::name);
  if (to == stages_.end()) {
    stays(letter, "the pipeline has no stage '" + letter.stage + "'", &replay_outcome::unreadable);
    return answer::stays;
  }
  if (!to->inlet) {
    stays(letter,
          to->input.empty() ? "stage '" + letter.stage + "' takes no items"
                            : "stage '" + letter.stage + "' can't read its items, " + to->input
                                  + ", from a payload",
          &replay_outcome::unreadable);
    return answer::stays;
  }
  if (to->closed) {
    work_->too_late.push_back(letter.id);
    return answer::too_late;
  }
  if (!letter.key.empty()) {
    auto first = answer_to([&] {
      return queue_.select({.pipeline = pipeline_, .stage = letter.stage, .key = letter.key}, 1);
    });
    if (!first) {
      say_trouble(first.error().message());
      return answer::later;
    }
    if (!first->empty() && first->front().id != letter.id) {
      stays(letter, "an earlier letter of its key stays", &replay_outcome::held_back);
      return answer::stays;
    }
  }
  for (const auto behind : to->keyed_behind)
    if (stages_[behind].keys->full()) {
      stays(letter,
            "stage '" + stages_[behind].name + "' behind it has as many letters as it may have",
            &replay_outcome::held_back);
      return answer::stays;
    }
  const auto index = static_cast<std::size_t>(to - stages_.begin());
  const auto admit = [&] {
    {
      const std::lock_guard lock{lock_};
      in_flight_.emplace(letter.id, replayed_letter{.id = letter.id,
                                                    .stage = index,
                                                    .source = letter.source,
                                                    .position = letter.position,
                                                    .part = letter.part,
                                                    .replay_count = letter.replay_count,
                                                    .key = letter.key});
    }
    if (recorder_ != nullptr)
      recorder_->suspects().comes_again(recorded_partition_, letter.id);
    return books_.admit_replayed(letter.id);
  };
  for (;;) {
    auto answered = to->inlet->put(letter, work_->run->options().check_type, admit);
    if (!answered) {
      stays(letter, answered.error().message(), &replay_outcome::unreadable);
      return answer::stays;
    }
    if (*answered)
      return answer::put;
    auto& full = to->inlet->blocked_on();
    full.announce_producer_waiting();
    if (!full.producer_may_go_on())
      return answer::no_credit;
    full.withdraw_producer_waiting();
  }
}

void replay_actor::stays(const dead_letter& letter, std::string why,
                         std::uint64_t replay_outcome::*counter) {
  work_->run->change([&](auto& outcome) {
    ++(outcome.*counter);
    if (outcome.reasons.size() < replay_outcome::reasons_max)
      outcome.reasons.push_back("letter " + std::to_string(letter.id) + ": " + why);
  });
  to_withdraw_.push_back({letter.id, std::move(why)});
}

/// The pipeline ends, or the stage has: what has not been put in stays asked for.
void replay_actor::give_back_waiting() {
  if (!work_)
    return;
  auto& all = work_->too_late;
  for (const auto& one : work_->waiting)
    all.push_back(one.id);
  work_->waiting.clear();
  work_->run->change([&](auto& outcome) { outcome.given_back += all.size(); });
  to_give_back_.insert(to_give_back_.end(), all.begin(), all.end());
  all.clear();
  work_->to_follow.clear();
  work_->to_ask = false;
  work_->exhausted = true;
}

void replay_actor::end_work() {
  work_->run->finish();
  if (work_->told)
    tells_(*work_->run);
  work_.reset();
}

/// Closes the rings once nothing will be put in any more: those of a stage with hold_key only when it has nothing
/// else to take, as it may wait for a replay.
bool replay_actor::close_if_over() {
  std::vector<replay_inlet*> over;
  bool all = true;
  {
    const std::lock_guard lock{lock_};
    if (closed_)
      return true;
    // What is in the pipeline may have to wait for its end, in a batch for instance; but for what follows it.
    // And a store that does not answer is not waited for.
    const bool unanswered = work_ && work_->refused >= refusals_max;
    const bool all_in = !work_
                        || (work_->waiting.empty() && work_->keys_in_flight.empty()
                            && (unanswered || (work_->exhausted && work_->to_follow.empty())));
    const bool at_end = sources_left_ == 0 && all_in
                        && (unanswered || (looked_ && !look_now_ && asked_for_.empty()));
    if (!stopping_ && !at_end)
      return false;
    for (auto& one : stages_) {
      if (one.inputs_left > 0 && !stopping_)
        all = false;
      else if (one.inlet && !std::exchange(one.closed, true))
        over.push_back(one.inlet.get());
    }
    if (all)
      closed_ = true;
  }
  for (auto* one : over)
    one->close();
  if (all)
    finish_asked_for(transient("pipeline '" + pipeline_ + "' is ending"));
  return all;
}

/// Replays whose turn will not come.
void replay_actor::finish_asked_for(const failure& why) {
  std::deque<std::shared_ptr<replay_run>> too_late;
  {
    const std::lock_guard lock{lock_};
    closed_ = true;
    too_late.swap(asked_for_);
  }
  for (const auto& run : too_late) {
    run->change([&](auto& outcome) { outcome.why = why; });
    run->finish();
  }
}

done_by replay_actor::by() const {
  return {work_ ? work_->run->options().who : "pipeline " + pipeline_, node_.wall_clock()};
}

void replay_actor::crashed(failure why) noexcept {
  say_trouble(why.message());
  for (const auto& one : stages_)
    if (one.inlet)
      one.inlet->close();
  if (work_) {
    work_->run->change([&](auto& outcome) { outcome.why = why; });
    work_->run->finish();
  }
  finish_asked_for(why);
  crash_ = std::move(why).within("replay actor");
}

} // namespace weir
