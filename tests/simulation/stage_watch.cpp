#include "stage_watch.hpp"

#include "world.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace simulation {

using namespace std::chrono_literals;
using weir::clock;

namespace {

std::string text_of(place at, const thing& one, const scenario& of) {
  return "item " + weir_payload(one) + " in " + stage_name(of, at);
}

/// The shortest delay before the next run, after so many that failed.
clock::duration shortest_delay(const weir::retry_policy& policy, std::uint32_t failed) {
  if (failed <= policy.immediate || policy.delay_min <= 0ms)
    return {};
  const auto grown = static_cast<double>(policy.delay_min.count())
                     * std::pow(policy.factor, failed - policy.immediate - 1);
  const auto most = static_cast<double>(policy.delay_max.count());
  return std::chrono::duration_cast<clock::duration>(
      std::chrono::duration<double, std::milli>{std::min(grown, most) * (1.0 - policy.jitter)});
}

} // namespace

void stage_watch::begin_life() {
  runs_.clear();
  kept_.clear();
  must_start_.clear();
  last_put_.clear();
  ended_sources_.clear();
  timers_.clear();
  failed_at_.clear();
  draining_ = false;
  failed_ = false;
  failures_.clear();
  doubts_.clear();
  last_pause_ = {};
  leaving_.clear();
  idle_.clear();
}

void stage_watch::started(place at, std::uint32_t worker) { must_start_.erase({at, worker}); }

void stage_watch::run_begins(place at, std::uint32_t worker, const thing& one) {
  if (!must_start_.empty() && !of_.runs_outside(at) && must_start_.contains({at, worker}))
    in_.violated("restart: " + text_of(at, one, of_) + " is run by worker " + std::to_string(worker)
                 + ", which had to be started anew before");
  if (!leaving_.empty())
    leaving_.erase(one);
  const auto found = runs_.find({at, one});
  if (found == runs_.end() || of_.runs_again(at))
    return;
  if (found->second.is_over && !came_again(one))
    in_.violated("attempts: " + text_of(at, one, of_) + " is run once more after "
                 + std::to_string(found->second.failed) + " runs, and was to be dead-lettered");
  else if (clock::now() < found->second.not_before && !came_again(one))
    in_.violated("back-off: " + text_of(at, one, of_) + " is run again "
                 + std::to_string((found->second.not_before - clock::now()) / 1us)
                 + " us too early");
}

void stage_watch::run_ends(place at, const thing& one, const weir::failure* why) {
  if (why == nullptr) {
    runs_.erase({at, one});
    succeeded(at);
    return;
  }
  failed_at_.insert(at);
  auto& known = runs_[{at, one}];
  const auto policy = of_.options_at(at).retry;
  ++known.failed;
  known.is_over = why->kind == weir::failure_kind::poison || known.failed >= policy.attempts;
  if (why->kind == weir::failure_kind::transient)
    known.not_before = clock::now()
                       + std::max<clock::duration>(shortest_delay(policy, known.failed),
                                                   why->retry_after.value_or(0ms));
}

void stage_watch::dead_lettered(place at, std::span<const thing> items,
                                const weir::dead_letter& letter) {
  for (const auto& one : items)
    dead_lettered_.insert(one.id);
  const auto& first = items.front();
  runs_.erase({at, first});
  const auto most = of_.options_at(at).retry.attempts;
  const auto& cause = letter.why.chain.back();
  if (cause.starts_with("held behind"))
    return;
  const bool used_up =
      letter.why.kind != weir::failure_kind::poison && !cause.starts_with("no progress for");
  if (cause.starts_with("no progress for") && in_.time_is_smooth()
      && in_.faults.fired(fault::worker_stuck) + in_.faults.fired(fault::wait_ignores_its_end) == 0)
    in_.violated("stuck: " + text_of(at, first, of_)
                 + " was abandoned, and its function took less than it may");
  if (letter.attempts == 0 || letter.attempts > most || (used_up && letter.attempts != most))
    in_.violated("attempts: the dead letter of " + text_of(at, first, of_) + " tells of "
                 + std::to_string(letter.attempts) + ", the stage has " + std::to_string(most)
                 + ": " + letter.why.message());
}

void stage_watch::kept(place at, std::uint32_t worker, std::uint64_t state) {
  auto& known = kept_[{at, worker}];
  known = {.now = state, .before = known.now};
}

void stage_watch::goes_on_with(place at, std::uint32_t worker, std::uint64_t state) {
  auto& known = kept_[{at, worker}];
  if (state != known.now && !(known.in_doubt && state == known.before))
    in_.violated("state: a fresh worker of " + stage_name(of_, at) + " begins with "
                 + std::to_string(state) + ", " + std::to_string(known.now) + " was kept");
  known.now = state;
  known.in_doubt = true; // until it has started
}

std::uint64_t stage_watch::kept(place at) const {
  std::uint64_t sum = 0;
  for (auto one = kept_.lower_bound({at, 0}); one != kept_.end() && one->first.first == at; ++one)
    sum += one->second.now;
  return sum;
}

bool stage_watch::came_again(const thing& one) const {
  return dead_lettered_.contains(one.id) || in_.was_reopened(one.id >> 24U);
}

/// Has no worker been down since, nor for as long before as a restart may take?
bool stage_watch::undisturbed_since(clock::time_point when) const {
  return failures_.empty() || failures_.back().at + 1s < when;
}

void stage_watch::batch_seen(place at, const weir::batch<thing>& all,
                             const weir::batch_options& options) {
  const auto size = all.items.size();
  if (size == 0 || size > options.size_max) {
    in_.violated("batch: " + std::to_string(size) + " items in one for " + stage_name(of_, at)
                 + ", " + std::to_string(options.size_max) + " are the most");
    return;
  }
  const auto& first = all.items.front();
  if (size == options.size_max || !undisturbed_since(first.taken.at) || in_.any_reopened())
    return; // or rows of a fenced partition were left out
  const auto due = first.taken.at + options.delay_max;
  const auto idle = idle_.find(at);
  if (idle != idle_.end() && idle->second.began >= first.taken.at && due < idle->second.ended
      && !came_again(first))
    in_.violated("batch: one that began with " + text_of(at, first, of_) + " was still incomplete "
                 + std::to_string((idle->second.ended - due) / 1us) + " us after its time");
  if (clock::now() < due && !draining_ && ended_sources_.size() < of_.sources && !came_again(first))
    in_.violated("batch: one that is not full went on " + std::to_string((due - clock::now()) / 1us)
                 + " us before its time: " + text_of(at, first, of_));
}

void stage_watch::item_taken(place at, const thing& one) {
  const auto end = one.taken.at + of_.options_at(at).item_time_max;
  if (in_.time_is_smooth() && last_pause_.began >= one.taken.at && end < last_pause_.ended
      && undisturbed_since(one.taken.at))
    in_.violated("stuck: " + text_of(at, one, of_) + " is in hand since "
                 + std::to_string((clock::now() - one.taken.at) / 1us)
                 + " us, and was not abandoned");
}

void stage_watch::may_leave(place at, const thing& out) {
  if (of_.options_at(at).order == weir::order::relaxed && undisturbed_since(clock::now()))
    if (const auto next = of_.next_of_items(at))
      leaving_.emplace(out, *next);
}

void stage_watch::source_put(std::size_t source, std::uint64_t position) {
  last_put_[source] = position;
  succeeded(source_place(source));
}

void stage_watch::source_begins(std::size_t source, std::uint64_t last_position) {
  const auto found = last_put_.find(source);
  const auto last = found == last_put_.end() ? in_.claimed(source).position : found->second;
  if (last_position / of_.stride != last / of_.stride) // or where the next item was to be
    in_.violated("source: it goes on behind position " + std::to_string(last_position)
                 + ", the last one it put is " + std::to_string(last));
}

void stage_watch::worker_failed(const std::string& stage, bool sure) {
  failures_.push_back({clock::now(), stage});
  const auto at = place_of(of_, stage);
  if (sure && at)
    doubts_[*at].push_back(clock::now());
}

bool stage_watch::must_escalate() const {
  // With the other strategies, who fails while it is stopped for another's sake is not counted.
  if (of_.supervision.strategy != weir::one_for_one)
    return false;
  std::size_t sure = 0;
  for (const auto& [at, all] : doubts_) {
    // What a source has put may wait for credit: it is forgiven when that leaves, which can't be seen here.
    if (at.segment == no_segment && last_put_.contains(at.leg))
      continue;
    sure += static_cast<std::size_t>(std::ranges::count_if(
        all, [&](auto when) { return clock::now() - when <= of_.supervision.period; }));
  }
  return sure > of_.supervision.intensity;
}

bool stage_watch::may_escalate() const {
  // At most one more for each worker than it has failed: where a second item fails, the first counts too. And the
  // time that restarts take does not count.
  std::size_t most = 0;
  clock::duration window = of_.supervision.period;
  std::map<std::string, std::size_t> first_of;
  for (auto one = failures_.rbegin(); one != failures_.rend(); ++one) {
    if (one != failures_.rbegin())
      window += of_.supervision.delays.delay_max;
    if (failures_.back().at - one->at > window)
      break;
    ++most;
    ++first_of[one->stage];
  }
  for (const auto& [stage, count] : first_of) {
    const auto at = place_of(of_, stage);
    most += std::min<std::size_t>(count, at ? of_.options_at(*at).workers : 1);
  }
  return most > of_.supervision.intensity;
}

void stage_watch::time_passed(clock::time_point began, clock::time_point ended,
                              const std::vector<place>& idle, const std::vector<place>& free) {
  for (const auto& [who, one] : timers_) {
    const auto at = who.first;
    const auto options = of_.options_at(at);
    // An item that failed, a permit, or a run elsewhere may come first.
    const bool held_up = failed_ || !undisturbed_since(one.asked) || !in_.time_is_smooth()
                         || in_.faults.fired(fault::node_aborts) > 0 || failed_at_.contains(at)
                         || options.item_time_max > 0ms || options.rate.permits > 0;
    if (one.due < ended && !held_up && std::ranges::find(free, at) != free.end())
      in_.violated("timer: " + stage_name(of_, at) + " was to have a turn "
                   + std::to_string((ended - one.due) / 1us) + " us ago");
  }
  last_pause_ = {began, ended};
  if (!leaving_.empty() && !undisturbed_since(began))
    leaving_.clear();
  // What was given back is let go, also before its source has heard of that.
  if (in_.faults.fired(fault::partition_closes)
          + in_.faults.fired(fault::partition_claimed_elsewhere)
      > 0)
    leaving_.clear();
  for (const auto& [out, to] : leaving_)
    if (std::ranges::find(idle, to) != idle.end() && !came_again(out))
      in_.violated("order: " + text_of(to, out, of_)
                   + " was not taken, though nothing has to wait for what came before it");
  for (const auto at : idle)
    idle_[at] = last_pause_;
}

} // namespace simulation
