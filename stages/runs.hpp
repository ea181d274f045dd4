#pragma once

#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/batched_settlement.hpp>
#include <weir/stages/emitter.hpp>
#include <weir/stages/fenced_batch.hpp>
#include <weir/stages/item_taker.hpp>
#include <weir/stages/items_in_hand.hpp>
#include <weir/stages/kept_as.hpp>
#include <weir/stages/rows_in_hand.hpp>
#include <weir/stages/runner.hpp>
#include <weir/stages/sink.hpp>
#include <weir/stages/stepper.hpp>
#include <weir/stages/worker.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir::internal {

/// The loop around a stage that has up to `in_flight_max` items in hand: runs that go on, and items that wait to
/// be run again. Each takes one of the places; the others go on beside it. Results leave in the order of the
/// items, unless that is relaxed.
///
/// How a run is carried out is the runner's business. An item belongs to its run from the moment it is taken; its
/// place in the mailbox is given back in order, so all that is in hand is within the mailbox's capacity.
/// Which of them are running, and for which the time is up, is known to items_in_hand.
/// Failure: an exception ends the worker, as everywhere; runs that go on keep the function they began with. A run
/// without progress within `item_time_max` is abandoned: its item is dead-lettered, the worker ends, the run is left alone.
template <class In, class Exit>
class runs_stepper : public stepper {
  using Out = typename Exit::output;
  using item_runner = runner<In, Out>;
  using typed = typed_run<In, Out>;

public:
  runs_stepper(const ports& where, std::unique_ptr<item_runner> how)
      : how_{std::move(how)}, exit_{where}, items_{*how_}, taker_{where, items_} {}

  result<void> rebuild(context& where) override {
    items_.stage_built();
    return how_->rebuild(where);
  }

  slice_result step(std::size_t budget, worker& self) override {
    const bool wished = items_.forget_held_back();
    auto done = step_on(budget, self);
    how_->hand_over();
    if (wished && !items_.held_back()) // others must not wait for what waits for them: credit, say
      self.suspicion().withdraw();
    return done;
  }

  void inputs(std::vector<ring_base*>& rings) const override { in_.waiting_for(rings); }
  bool input_there() const override { return in_.something_there(); }
  void blocked_on(std::vector<ring_base*>& rings) const override { exit_.blocked_on(rings); }
  std::size_t backlog() const override { return in_.size(); }

  bool only_replays_left() const override { return in_.only_replays_left(); }

  bool takes_permits() const override { return true; }

  void cancel(worker& self) override { items_.cancel_all(self); }
  bool quiet() const override { return items_.quiet(); }
  std::optional<time_point> abandon_late(worker& self) override {
    return items_.abandon_late(self);
  }
  void abandon_all(worker& self) noexcept override { items_.abandon_all(self); }

private:
  using state = item_in_hand::state;

  /// What a step is about.
  struct slice {
    worker& self;
    slice_result& done;
    batched_settlement settled;
  };

  struct end_of_worker {
    failure why;
    std::uint32_t charge;
  };

  slice_result step_on(std::size_t budget, worker& self) {
    slice_result done{.timed = how_->outside()};
    next_look later;
    bool took = false;
    down_.reset();
    stage_failed_.reset();
    exit_.flush();
    {
      slice now{self, done, {self.books(), Exit::ends_as}};
      for (auto *one = items_.first_running(), *then = one; one != nullptr; one = then) {
        then = one->later;
        if (one->has_ended())
          reap(*one, now);
      }
      leave(now);
      if (!ends())
        later = look_at_clock(budget, now);
      if (!ends() && exit_.ready())
        if (auto why = without_item(&item_runner::timer, self))
          return failed_with(std::move(*why), done.items);
      if (!ends() && !items_.held_back() && !only_goes_on()) {
        const auto demand = how_->demand(self.where());
        refused_ = demand == 0;
        took = take_new(std::min(budget, demand), now);
      }
      leave(now);
    }
    const bool ready = exit_.flush();
    if (ends())
      return worker_ends(done);
    if (done.items > 0 || took || (later.at && *later.at <= self.now()))
      return done;
    return nothing_to_do(ready, later.at, self);
  }

  /// A run that failed takes the worker down; or the stage failed, with no item in hand.
  slice_result worker_ends(const slice_result& done) {
    auto failed = failed_with(std::move(down_ ? down_->why : *stage_failed_), done.items);
    failed.timed = done.timed;
    if (down_)
      failed.charge = down_->charge;
    return failed;
  }

  // --- beginning -------------------------------------------------------------------------------------

  /// Takes items as long as there are permits and places in flight.
  bool take_new(std::size_t budget, slice& now) {
    using what = typename item_taker<In>::taken::what;
    auto& self = now.self;
    bool took = false;
    in_.forget_stops();
    while (budget > 0 && !ends() && exit_.ready() && !self.aborted() && !items_.full(self)
           && self.letters().size() < letters_at_once) {
      const auto next = taker_.take(self);
      if (next.now == what::none)
        break;
      took = true;
      if (next.now == what::not_run)
        continue;
      --budget;
      begin(*next.one, std::move(*next.item), false, now);
      leave(now);
    }
    return took;
  }

  void begin(item_in_hand& one, In item, bool again, slice& now) {
    auto& self = now.self;
    if (one.recorded)
      one.recorded.take(one.from);
    one.run = how_->make(std::move(item), self);
    items_.begins(one, again, self);
    if constexpr (Exit::settles) {
      const auto& rows = of(one).item;
      one.run->points = self.books().points_of(settled_with(one.from), rows_in(rows));
      const rows_in_hand shown{self, one.from, rows_in(rows)};
      how_->begin(one.run, one.from, self);
    } else {
      how_->begin(one.run, one.from, self);
    }
    if (!how_->outside() || one.has_ended())
      reap(one, now);
  }

  // --- going on --------------------------------------------------------------------------------------

  /// Looks at the clock: runs that take too long, and items whose back-off is over. Of these up to `budget` are run
  /// now, those first that are due longest. Returns when to look next.
  next_look look_at_clock(std::size_t budget, slice& now) {
    auto& self = now.self;
    next_look next;
    change_over(next, self);
    while (auto* one = changes_over_ ? nullptr : items_.first_waiting()) {
      if (budget == 0 || ends() || self.aborted() || one->until > self.now()) {
        next.not_after(one->until);
        break;
      }
      --budget;
      if (self.let_go_if_given_back(one->from))
        items_.first_waiting_ended(self);
      else if (!run_again(*one, next, now))
        break;
    }
    // Behind those, as what has just begun has a time too.
    for (auto *one = items_.first_running(), *then = one; one != nullptr; one = then) {
      then = one->later;
      if (items_.watch(*one, next, self))
        dead_letter_stuck(*one, self);
    }
    return next;
  }

  /// The function was made anew, and the runs of the one before have some time left to end. What has not ended by then
  /// is interrupted and run again, in order.
  void change_over(next_look& next, worker& self) {
    auto until = how_->changes_over();
    if (until && *until <= self.now()) {
      items_.interrupt_all(self);
      until = how_->changes_over();
    }
    changes_over_ = until.has_value();
    if (until && *until > self.now()) // else what was just about to end wakes the worker
      next.not_after(*until);
  }
  /// No item begins beside those that a change of the function has left.
  bool only_goes_on() const { return changes_over_ || items_.interrupted(); }

  /// False: it has to wait on, for a permit or until it is woken.
  bool run_again(item_in_hand& one, next_look& next, slice& now) {
    auto& self = now.self;
    const auto known = self.suspicion().remains() ? self.suspicion().at(one.from) : std::nullopt;
    if (!items_.may_begin(one, known, self)) {
      if (!items_.held_back())
        next.not_after(self.permits().next(self.now()));
      return false;
    }
    begin(one, std::move(of(one).item), true, now);
    return true;
  }

  /// Who was stuck once would be again, and cost another thread: the item is not run again.
  void dead_letter_stuck(item_in_hand& one, worker& self) {
    auto why =
        fatal("no progress for " + std::to_string(self.options().item_time_max.count()) + " ms");
    const auto verdict = self.decide(why, one.trouble, one.id, one.began, false);
    to_dead_letters(one, why, self);
    goes_down(std::move(why), verdict.charge);
  }

  void to_dead_letters(item_in_hand& one, const failure& why, worker& self) {
    const auto& kept = one.run->payload; // made of the item as it was
    self.letters().add(one.from,
                       kept ? item_as_letter{*kept, typeid(In), key_lines::key_of(one)}
                            : kept_as<In>::letter(of(one).item, key_lines::key_of(one)),
                       why, one.trouble);
    items_.ended(one, self);
  }

  void goes_down(failure why, std::uint32_t charge) {
    if (!down_)
      down_.emplace(end_of_worker{std::move(why), charge});
  }

  /// A run has ended: its item is done, or fails.
  void reap(item_in_hand& one, slice& now) {
    auto& self = now.self;
    auto& run = of(one);
    items_.run_ended(one, self);
    look_at_outputs(one, self);
    auto wrong = how_->ended(run, self.where());
    if (const auto turn = run.wanted_turn())
      self.wake_at(*turn);
    if (wrong && !run.failed) { // the item has not happened
      wrong->kind = failure_kind::fatal;
      run.outputs.clear();
      items_.waits_to_run_again(one, self.now());
      stage_failed_ = std::move(wrong);
      return;
    }
    if (!run.failed && !was_fenced(one, run, self)) {
      succeeded(one, now);
      return;
    }
    if (!run.failed)
      return;
    if (wrong)
      stage_failed_ = std::move(wrong);
    ++now.done.wasted;
    failed(one, self);
  }

  /// An item fails too by outputs that are too many, or of which one has no place.
  void look_at_outputs(item_in_hand& one, worker& self) {
    auto& run = of(one);
    if (!run.failed && run.outputs.size() > self.options().outputs_max)
      run.failed = fatal(too_many_outputs(self.options().outputs_max));
    if (run.failed)
      return;
    try {
      one.lanes = exit_.lanes_of(run.outputs);
    } catch (...) {
      run.failed = describe_current_exception();
    }
  }

  /// Was the batch not stored, as another process has claimed partitions of it? The rest of it is run again at once, and
  /// charged with nothing. Where it can't be told apart, the run has failed.
  bool was_fenced(item_in_hand& one, typed& run, worker& self) {
    if constexpr (std::is_same_v<Out, batch_outcome>) {
      if (run.outputs.front().fenced.empty())
        return false;
      const auto fenced = std::move(run.outputs.front().fenced);
      run.outputs.clear();
      if (auto left = leave_out_fenced(self.books(), run.item, one.from, fenced); !left)
        run.failed = std::move(left.error());
      else if (one.from.empty())
        items_.ended(one, self);
      else
        items_.waits_to_run_again(one, self.now());
      return true;
    } else {
      return false;
    }
  }

  void succeeded(item_in_hand& one, slice& now) {
    items_.succeeded(one, now.self);
    ++now.done.items;
    now.self.succeeded();
    if (down_) // what is charged for a run that failed before this one is forgiven, not told later
      down_->charge = 0;
    if (!how_->keeps_order() || now.self.options().order == order::relaxed)
      leave(one, now);
  }

  void failed(item_in_hand& one, worker& self) {
    auto& run = of(one);
    auto why = std::move(*run.failed);
    run.failed.reset();
    run.outputs.clear();
    const auto verdict = self.decide(why, one.trouble, one.id, one.began, !run.payload);
    switch (verdict.what) {
    case answer::retry:
    case answer::restart: // the run may have taken its time
      items_.waits_to_run_again(one, self.services().node.now() + verdict.delay);
      if (one.recorded)
        one.recorded.failed(one.from, one.trouble.failures());
      break;
    case answer::dead_letter:
    case answer::dead_letter_and_restart:
      to_dead_letters(one, why, self);
      break;
    }
    if (verdict.what == answer::restart || verdict.what == answer::dead_letter_and_restart)
      goes_down(std::move(why), verdict.charge);
  }

  // --- leaving ---------------------------------------------------------------------------------------

  void leave(item_in_hand& one, slice& now) {
    exit_.leave(of(one), one.from, one.lanes, one.trouble, now.settled, now.self);
    one.now = state::ended;
    one.run.reset();
  }

  /// Hands on what may leave, and releases the oldest items that are done.
  void leave(slice& now) {
    for (auto& queue : items_.queues())
      while (!queue.empty()) {
        auto& oldest = queue.front();
        if (oldest.now == state::succeeded)
          leave(oldest, now);
        if (oldest.now != state::ended)
          break;
        const auto input = oldest.input;
        queue.pop_front();
        in_.release(input);
      }
  }

  /// What a stage with state does without an item; its outputs belong to no position.
  std::optional<failure> without_item(std::optional<failure> (item_runner::*what)(std::vector<Out>&,
                                                                                  context&),
                                      worker& self) {
    if (items_.running() > 0)
      return std::nullopt;
    std::vector<Out> outputs;
    std::vector<std::size_t> lanes;
    std::optional<failure> failed;
    try {
      failed = ((*how_).*what)(outputs, self.where());
      lanes = exit_.lanes_of(outputs);
    } catch (...) {
      failed = describe_current_exception();
    }
    if (!failed)
      exit_.put(outputs, origin{}, lanes);
    return failed;
  }

  // --- waiting ---------------------------------------------------------------------------------------

  slice_result nothing_to_do(bool ready, std::optional<time_point> later, worker& self) {
    if (items_.empty() && ready && in_.exhausted())
      return end_of_stream(self);
    if (items_.running() > 0 && in_.waits_for_ends(items_.lines()))
      if (auto why = how_->flush(self.where()))
        return failed_with(std::move(*why), 0);
    slice_result wait{.what = slice_result::state::waiting, .until = later};
    wait.for_credit = !ready;
    if (items_.held_back()) { // woken when it may go on
      wait.time = waiting_as::blocked;
      return wait;
    }
    const bool takes = !refused_ && !only_goes_on() && !items_.full(self);
    // One with a flush is woken by the end of the stream too, which may come while it takes nothing.
    if (ready && (takes || (how_->flushes() && !in_.untaken()))) {
      wait.for_input = true;
      wait.for_keys = takes && in_.at_bound();
      const bool there = in_.untaken() || (items_.lines().next() != nullptr && !in_.at_bound());
      if (there && self.permits().limited()) { // only permits are missing
        wait.for_input = false;
        const auto permit = self.permits().next(self.now());
        wait.until = later ? std::min(*later, permit) : permit;
      }
    }
    wait.time = items_.running() > 0                        ? waiting_as::busy
                : wait.for_keys && !later                   ? waiting_as::keys
                : ready && items_.empty() && wait.for_input ? waiting_as::idle
                                                            : waiting_as::blocked;
    return wait;
  }

  slice_result end_of_stream(worker& self) {
    if (!self.letters().all_stored())
      return {.what = slice_result::state::waiting, .time = waiting_as::blocked};
    if (!drained_) {
      if (auto why = without_item(&item_runner::drain, self))
        return failed_with(std::move(*why), 0);
      drained_ = true;
    }
    if (!exit_.flush())
      return without_credit();
    exit_.close();
    return {.what = slice_result::state::finished};
  }

  /// Does the worker end with this step?
  bool ends() const { return down_ || stage_failed_; }

  /// Every run in hand was made by this stage's runner.
  static typed& of(item_in_hand& one) { return static_cast<typed&>(*one.run); }

  const std::unique_ptr<item_runner> how_;
  Exit exit_;
  items_in_hand items_;
  item_taker<In> taker_;
  keyed_inlet<In>& in_ = taker_.mailbox();
  /// So many letters are made before they are handed over.
  static constexpr std::size_t letters_at_once = 64;

  bool drained_ = false;
  bool refused_ = false;      // the function has no demand
  bool changes_over_ = false; // see change_over
  // In a step.
  std::optional<end_of_worker> down_;
  std::optional<failure> stage_failed_;
};

} // namespace weir::internal
