#include <weir/dead_letters/held_key_counts.hpp>
#include <weir/dead_letters/replay_work.hpp>
#include <weir/dead_letters/store_answer.hpp>

#include <iterator>

namespace weir::internal {

using namespace std::chrono_literals;

namespace {

/// Letters that are claimed and wait for credit, a permit or the letter before them.
constexpr std::size_t waiting_max = 256;
constexpr std::size_t claimed_at_once = 64;
constexpr std::size_t taken_in_a_turn = 64; // letters

/// What keeps letters in order among each other: the key, at a stage. Empty: nothing does.
std::string order_of(const std::string& stage, const std::string& key) {
  return key.empty() ? "" : stage + "\n" + key;
}

} // namespace

replay_work::replay_work(const tools& with, std::shared_ptr<replay_run> run, asked_by whom)
    : tools_{with},
      run_{std::move(run)},
      asked_by_{whom},
      to_ask_{whom == asked_by::run},
      permits_{run_->options().rate, with.node.now()} {}

bool replay_work::ask() {
  if (!to_ask_)
    return true;
  const auto& options = run_->options();
  auto asked = store_answer([&] {
    return tools_.queue.request_replay(
        run_->filter(),
        {.replays_max = options.replays_max, .forced = options.forced, .dry_run = options.dry_run},
        by());
  });
  std::vector<dead_letter_count> causes;
  if (asked && options.dry_run) {
    auto counted = store_answer([&] { return tools_.queue.histogram(run_->filter()); });
    if (counted)
      causes = std::move(*counted);
    else
      asked = std::move(counted.error());
  }
  if (!asked)
    return !refused(std::move(asked.error()));
  to_ask_ = false;
  exhausted_ = options.dry_run;
  run_->change([&](auto& outcome) {
    outcome.requested = asked->requested;
    outcome.under_way = asked->under_way;
    outcome.too_often = asked->too_often;
    outcome.causes = std::move(causes);
  });
  answered();
  return true;
}

/// False if the store did not answer, and is to be asked again.
bool replay_work::claim() {
  auto filter = run_->filter();
  filter.limit = 0; // it held for what was asked for
  auto claimed =
      store_answer([&] { return tools_.queue.claim_requested(filter, claimed_at_once); });
  if (!claimed)
    return !refused(std::move(claimed.error()));
  exhausted_ = claimed->empty();
  if (asked_by_ == asked_by::others)
    run_->change([&](auto& outcome) { outcome.requested += claimed->size(); });
  if (!claimed->empty() && !std::exchange(told_, true))
    tools_.tells(*run_);
  wait_here(std::move(*claimed));
  answered();
  return true;
}

void replay_work::wait_here(std::vector<dead_letter> claimed) {
  for (auto& one : claimed)
    waiting_.push_back(std::move(one));
}

std::optional<time_point> replay_work::put_in() {
  std::set<std::string> without_credit; // stages
  for (std::size_t k = 0, taken = 0;;) {
    if (k == waiting_.size()) {
      if (exhausted_ || waiting_.size() >= waiting_max)
        return std::nullopt;
      if (!claim())
        return tools_.trouble.retry_at();
      continue;
    }
    if (taken == taken_in_a_turn || tools_.stopping)
      return tools_.node.now(); // a drain and what has ended don't wait for all the letters
    const auto& letter = waiting_[k];
    const auto order = order_of(letter.stage, letter.key);
    if (keys_stopped_.contains(order)) {
      stays(letter, "an earlier letter of its key stays", &replay_outcome::held_back);
    } else if (keys_in_flight_.contains(order) || without_credit.contains(letter.stage)) {
      ++k;
      continue;
    } else {
      const auto now = tools_.node.now();
      if (permits_.take(1, now) == 0)
        return permits_.next(now);
      auto entered = tools_.entrance.put_in(letter, run_->options().check_type);
      if (entered.what != replay_entrance::answer::put)
        permits_.give_back(1);
      if (entered.what == replay_entrance::answer::later) {
        tools_.trouble.say(std::move(entered.why));
        return now + 1s;
      }
      if (entered.what == replay_entrance::answer::no_credit) {
        without_credit.insert(letter.stage);
        ++k;
        continue;
      }
      took(letter, order, std::move(entered));
    }
    waiting_.erase(std::next(waiting_.begin(), static_cast<std::ptrdiff_t>(k)));
    ++taken;
  }
}

/// The letter waits no more: it is in flight, or stays, or is too late.
void replay_work::took(const dead_letter& letter, const std::string& order,
                       replay_entrance::entry entered) {
  if (entered.what == replay_entrance::answer::put) {
    if (!order.empty())
      keys_in_flight_.insert(order);
    ++in_flight_;
  } else if (entered.what == replay_entrance::answer::stays) {
    stays(letter, std::move(entered.why), entered.counted_as);
    if (!order.empty())
      keys_stopped_.insert(order);
  } else {
    too_late_.push_back(letter.id);
  }
}

void replay_work::stays(const dead_letter& letter, std::string why,
                        std::uint64_t replay_outcome::*counter) {
  run_->change([&](auto& outcome) {
    ++(outcome.*counter);
    if (outcome.reasons.size() < replay_outcome::reasons_max)
      outcome.reasons.push_back("letter " + std::to_string(letter.id) + ": " + why);
  });
  tools_.settlement.withdraw(letter.id, std::move(why));
}

replay_work::following replay_work::follow() {
  auto at = to_follow_.begin();
  for (std::size_t looked = 0; at != to_follow_.end(); ++looked) {
    if (looked == held_key_counts::keys_in_a_turn)
      return following::next_turn;
    const auto& [index, key] = *at;
    const auto& where = tools_.stages[index];
    const auto stopped = keys_stopped_.contains(order_of(where.name, key));
    if (!stopped && !where.closed && where.keys->one(key)) {
      auto claimed = claim_behind(where, key);
      if (!claimed)
        return refused(std::move(claimed.error())) ? following::later : following::nothing;
      answered();
      const bool some = !claimed->empty();
      wait_here(std::move(*claimed));
      if (some)
        return following::claimed;
      if (where.keys->tell_when_stored(key))
        return following::later;
    }
    at = to_follow_.erase(at);
  }
  return following::nothing;
}

/// Asks for the letters of the key, and claims them. Those that were asked for stay so if they can't be claimed.
result<std::vector<dead_letter>> replay_work::claim_behind(const replay_stage& where,
                                                           const std::string& key) {
  const dead_letter_filter behind{.pipeline = tools_.pipeline, .stage = where.name, .key = key};
  const auto& options = run_->options();
  auto asked = store_answer([&] {
    return tools_.queue.request_replay(
        behind, {.replays_max = options.replays_max, .forced = options.forced}, by());
  });
  if (!asked)
    return std::move(asked.error());
  run_->change([&](auto& outcome) { outcome.requested += asked->requested; });
  return store_answer([&] { return tools_.queue.claim_requested(behind, claimed_at_once); });
}

void replay_work::ended(const replayed_letter& letter) {
  const bool failed = letter.how == outcome::dead_lettered;
  if (!letter.key.empty()) {
    const auto& where = tools_.stages[letter.stage];
    const auto order = order_of(where.name, letter.key);
    keys_in_flight_.erase(order);
    if (failed)
      keys_stopped_.insert(order);
    else if (where.keys != nullptr)
      to_follow_.emplace(letter.stage, letter.key);
  }
  --in_flight_;
  run_->change([&](auto& outcome) { ++(failed ? outcome.failed_again : outcome.succeeded); });
}

void replay_work::give_back() {
  for (const auto& one : waiting_)
    too_late_.push_back(one.id);
  waiting_.clear();
  run_->change([&](auto& outcome) { outcome.given_back += too_late_.size(); });
  tools_.settlement.give_back(too_late_);
  too_late_.clear();
  to_follow_.clear();
  to_ask_ = false;
  exhausted_ = true;
}

void replay_work::finish() {
  run_->finish();
  if (told_)
    tools_.tells(*run_);
}

void replay_work::finish_failed(const failure& why) {
  run_->change([&](auto& outcome) { outcome.why = why; });
  run_->finish();
}

/// The store works, perhaps again.
void replay_work::answered() {
  if (std::exchange(refused_, 0) == 0)
    return;
  run_->change([](auto& outcome) { outcome.why.reset(); });
  tools_.trouble.say({});
}

/// The store did not answer. True if it is to be asked again; else the replay ends with what it has.
bool replay_work::refused(failure why) {
  tools_.trouble.say(why.message());
  const bool again = why.kind == failure_kind::transient;
  run_->change([&](auto& outcome) { outcome.why = std::move(why); });
  if (again) {
    tools_.trouble.put_off(++refused_);
  } else {
    to_ask_ = false;
    exhausted_ = true;
    to_follow_.clear();
  }
  return again;
}

} // namespace weir::internal
