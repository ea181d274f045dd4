#pragma once

#include <weir/stages/emitter.hpp>
#include <weir/stages/outlet.hpp>
#include <weir/stages/payload.hpp>
#include <weir/stages/runner.hpp>
#include <weir/stages/sink.hpp>
#include <weir/stages/transform.hpp>
#include <weir/stages/worker.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir {

/// How the items of a stage leave it: their outputs go into an outlet.
template <class In, class Out>
class flow_exit {
public:
  using output = Out;
  static constexpr outcome ends_as = outcome::filtered; // of an item without outputs

  explicit flow_exit(const ports& where) : out_{where.out.front()} {}

  bool ready() const { return out_.ready(); }
  bool flush() { return out_.flush(); }
  void close() { out_.close(); }
  void blocked_on(std::vector<ring_base*>& rings) const { out_.blocked_on(rings); }

  /// May throw what a key function throws.
  std::vector<std::size_t> lanes_of(const std::vector<Out>& outputs) const {
    std::vector<std::size_t> lanes;
    lanes.reserve(outputs.size());
    for (const auto& one : outputs)
      lanes.push_back(out_.lane_of(one));
    return lanes;
  }
  void leave(typed_run<In, Out>& run, origin from, const std::vector<std::size_t>& lanes,
             const item_trouble&, batched_settlement& settled, worker& self) {
    if (run.outputs.empty())
      settled.add(from);
    else
      self.books().share(from, static_cast<std::uint32_t>(run.outputs.size() - 1));
    put(run.outputs, from, lanes);
  }
  void put(std::vector<Out>& outputs, origin from, const std::vector<std::size_t>& lanes) {
    for (std::size_t k = 0; k < outputs.size(); ++k)
      out_.put(std::move(outputs[k]), from, lanes[k]);
    outputs.clear();
  }

private:
  outlet<Out> out_;
};

/// The same of a sink: its items are settled. The output of a batch is its outcome.
template <class In, class Out>
class sink_exit {
public:
  using output = Out;
  static constexpr outcome ends_as = outcome::acknowledged;

  explicit sink_exit(const ports&) {}

  static constexpr bool ready() { return true; }
  static constexpr bool flush() { return true; }
  void close() {}
  void blocked_on(std::vector<ring_base*>&) const {}

  std::vector<std::size_t> lanes_of(const std::vector<Out>&) const { return {}; }
  void leave(typed_run<In, Out>& run, origin from, const std::vector<std::size_t>&,
             const item_trouble& trouble, batched_settlement& settled, worker& self) {
    if constexpr (std::is_same_v<Out, batch_outcome>)
      settle_members(run.item, from, run.outputs.front(), trouble, self);
    else
      settled.add(from);
  }
  void put(std::vector<Out>&, origin, const std::vector<std::size_t>&) {}
};

/// The loop around a stage that has up to `in_flight_max` items in hand: runs that go on, and items that wait to
/// be run again. Each takes one of the places; the others go on beside it. Results leave in the order of the
/// items, unless that is relaxed.
///
/// How a run is carried out is the runner's business. An item belongs to its run from the moment it is taken; its
/// place in the mailbox is given back in order, so all that is in hand is within the mailbox's capacity.
/// After a restart the stage takes one item at first, and one more for each that succeeds.
/// Failure: an exception ends the worker, as everywhere; runs that go on keep the function they began with. A run
/// without progress within `item_time_max` is abandoned: its item is dead-lettered, the worker ends, the run is left alone.
template <class In, class Exit>
class runs_stepper : public stepper {
  using Out = typename Exit::output;
  using item_runner = runner<In, Out>;

public:
  runs_stepper(const ports& where, std::unique_ptr<item_runner> how)
      : how_{std::move(how)}, exit_{where} {
    for (const auto& one : where.in)
      in_.push_back({one, static_cast<ring<In>*>(one.get()), 0});
  }

  result<void> rebuild(context& where) override {
    if (std::exchange(built_before_, true))
      window_ = 1;
    return how_->rebuild(where);
  }

  slice_result step(std::size_t budget, worker& self) override {
    const bool wished = std::exchange(held_back_, false);
    auto done = step_on(budget, self);
    if (wished && !held_back_) // others must not wait for what waits for them: credit, say
      self.withdraw();
    return done;
  }

  void inputs(std::vector<ring_base*>& rings) const override {
    for (const auto& one : in_)
      if (!exhausted(one))
        rings.push_back(one.from);
  }
  bool input_there() const override {
    return std::ranges::any_of(in_, [](const auto& one) {
      return !exhausted(one) && one.from->consumer_may_go_on(one.taken);
    });
  }
  void blocked_on(std::vector<ring_base*>& rings) const override { exit_.blocked_on(rings); }
  std::size_t backlog() const override {
    std::size_t items = 0;
    for (const auto& one : in_)
      items += one.from->size();
    return items;
  }

  bool takes_permits() const override { return true; }

  void cancel(worker& self) override {
    for (auto& one : runs_)
      if (one.now == state::running)
        cancel(one, self);
  }
  bool quiet() const override {
    return std::ranges::none_of(
        runs_, [](const auto& one) { return one.now == state::running && !one.run->has_ended(); });
  }
  std::optional<time_point> abandon_late(worker& self) override {
    std::optional<time_point> next;
    const auto limit = self.options().item_time_max;
    for (auto& one : runs_) {
      if (limit.count() == 0 || one.now != state::running || one.run->has_ended())
        continue;
      const auto end = one.run->silent_since().value_or(self.now()) + limit;
      if (end > self.now()
          || !abandon(one, self)) // its item stays unsettled: the source delivers it again
        next = std::min(next.value_or(end), end);
    }
    return next;
  }
  void abandon_all(worker& self) noexcept override {
    for (auto& one : runs_) {
      if (one.now != state::running || !one.run) // it may be this one's beginning that failed
        continue;
      try {
        cancel(one, self);
      } catch (...) { // no memory to ask for it: then it goes on to its end
      }
      try {
        abandon(one, self);
      } catch (...) { // abandoned, and no memory to remember it
      }
    }
  }

private:
  enum class state { running, waiting_to_run_again, succeeded, ended };

  /// An item that was taken and not released.
  struct in_hand {
    std::size_t input; // index into in_
    std::uint64_t id;  // see item_id
    origin from;
    state now = state::running;
    std::shared_ptr<typename item_runner::run> run;
    time_point began{};
    time_point until{}; // the end of its time, or of its back-off
    bool timed_out = false;
    item_trouble trouble{};
    hand recorded{};                  // of the flight recorder
    bool entered = false;             // see worker::enter
    std::vector<std::size_t> lanes{}; // of its outputs
  };

  struct input {
    std::shared_ptr<ring_base> owned;
    ring<In>* from;
    std::size_t taken; // items at the front that are in runs_
  };

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
    std::optional<time_point> later;
    bool took = false;
    down_.reset();
    stage_failed_.reset();
    exit_.flush();
    {
      slice now{self, done, {self.books(), Exit::ends_as}};
      for (auto& one : runs_)
        if (one.now == state::running && one.run->has_ended())
          reap(one, now);
      leave(now);
      if (!ends())
        later = look_at_clock(budget, now);
      if (!ends() && exit_.ready())
        if (auto why = without_item(&item_runner::timer, self))
          return failed_with(std::move(*why), done.items);
      if (!ends() && !held_back_) {
        const auto demand = how_->demand(self.where());
        refused_ = demand == 0;
        took = take_new(std::min(budget, demand), now);
      }
      leave(now);
    }
    const bool ready = exit_.flush();
    if (down_) {
      auto failed = failed_with(std::move(down_->why), done.items);
      failed.timed = done.timed;
      failed.charge = down_->charge;
      return failed;
    }
    if (stage_failed_) { // with no item in hand: the worker ends
      auto failed = failed_with(std::move(*stage_failed_), done.items);
      failed.timed = done.timed;
      return failed;
    }
    if (done.items > 0 || took || (later && *later <= self.now()))
      return done;
    return nothing_to_do(ready, later, self);
  }

  static bool exhausted(const input& one) {
    const bool closed = one.from->closed(); // before the size: nothing comes after it
    return closed && one.from->size() == one.taken;
  }

  // --- beginning -------------------------------------------------------------------------------------

  /// Takes items as long as there are permits and places in flight.
  bool take_new(std::size_t budget, slice& now) {
    auto& self = now.self;
    bool took = false;
    for (std::size_t tried = 0; tried < in_.size() && budget > 0;) {
      if (ends() || !exit_.ready() || self.aborted() || in_flight() >= places(self))
        break;
      auto& from = in_[current_];
      if (from.from->available(from.taken + 1) <= from.taken) {
        current_ = (current_ + 1) % in_.size();
        ++tried;
        continue;
      }
      const auto index = from.from->read_index() + from.taken;
      auto& item = *from.from->value(index);
      in_hand next{.input = current_,
                   .id = item_id(*from.from, index),
                   .from = from.from->from(index),
                   .run = {}};
      std::optional<suspect> known;
      if (self.suspects_remain()) {
        known = self.suspicion(next.from);
        if (auto why = known ? self.sentence(*known) : std::nullopt) {
          self.dead_letter_unrun(next.from, kept_as<In>::payload(item), kept_as<In>::type(item),
                                 *known, std::move(*why));
          next.now = state::ended;
          ++from.taken;
          runs_.push_back(std::move(next));
          took = true;
          continue;
        }
      }
      if (self.permits().take(1, self.now()) == 0)
        break;
      if (!may_begin(next, known, self)) {
        self.permits().give_back(1);
        break;
      }
      if (known)
        next.trouble = worker::trouble_of(*known);
      next.recorded = self.take_place();
      ++from.taken;
      begin(runs_.emplace_back(std::move(next)), std::move(item), now);
      leave(now);
      --budget;
      took = true;
      current_ = (current_ + 1) % in_.size(); // a mailbox that never runs dry starves no other
      tried = 0;
    }
    return took;
  }

  /// False: not now, for the sake of a suspect of the flight recorder.
  bool may_begin(in_hand& one, const std::optional<suspect>& known, worker& self) {
    if (!self.suspects_remain())
      return true;
    if (held_back_)
      return false;
    one.entered = self.enter(known && known->deaths > 0);
    held_back_ = !one.entered;
    return one.entered;
  }

  void begin(in_hand& one, In item, slice& now) {
    auto& self = now.self;
    if (one.recorded)
      one.recorded.take(one.from);
    one.run = how_->make(std::move(item), self);
    one.now = state::running;
    one.began = self.now();
    one.timed_out = false;
    one.until = self.options().timeout.count() > 0 ? self.now() + self.options().timeout
                                                   : time_point::max();
    ++running_;
    how_->begin(one.run, one.from, self);
    if (!how_->outside())
      reap(one, now);
  }

  // --- going on --------------------------------------------------------------------------------------

  /// Looks at the clock: runs that take too long, and items whose back-off is over. Of these up to `budget` are run
  /// now; where they were too many, the next look begins with the rest. Returns when to look next.
  std::optional<time_point> look_at_clock(std::size_t budget, slice& now) {
    auto& self = now.self;
    const auto limit = self.options().item_time_max;
    std::optional<time_point> next;
    const auto not_before = [&next](time_point when) {
      if (when != time_point::max() && (!next || when < *next))
        next = when;
    };
    std::optional<std::size_t> rest; // begins there
    for (std::size_t k = 0; k < runs_.size(); ++k) {
      const auto index = (look_from_ + k) % runs_.size();
      auto& one = runs_[index];
      const bool due = one.now == state::waiting_to_run_again && one.until <= self.now();
      if (due && budget == 0 && !rest)
        rest = index;
      if (due && budget > 0 && !ends() && !self.aborted()) {
        if (self.permits().take(1, self.now()) == 0) {
          not_before(self.permits().next(self.now()));
          continue;
        }
        const auto known = self.suspects_remain() ? self.suspicion(one.from) : std::nullopt;
        if (!may_begin(one, known, self)) {
          self.permits().give_back(1);
          continue;
        }
        --waiting_;
        --budget;
        begin(one, std::move(one.run->item), now);
      }
      if (one.now == state::waiting_to_run_again)
        not_before(one.until);
      if (one.now != state::running)
        continue;
      if (!one.timed_out && one.until <= self.now()) {
        one.timed_out = true;
        cancel(one, self);
      }
      if (!one.timed_out)
        not_before(one.until);
      if (limit.count() == 0)
        continue;
      if (const auto since = one.run->silent_since()) {
        if (*since + limit > self.now())
          not_before(*since + limit);
        else if (abandon(one, self))
          dead_letter_stuck(one, self);
      }
    }
    look_from_ = rest.value_or(0);
    return next;
  }

  void cancel(in_hand& one, worker& self) {
    one.run->hurry(self.now());
    how_->cancel(one.run);
  }

  void not_running(in_hand& one, worker& self) {
    --running_;
    if (one.recorded)
      one.recorded.empty();
    if (std::exchange(one.entered, false))
      self.leave();
  }

  /// Leaves a run to itself; false if it has ended by now.
  bool abandon(in_hand& one, worker& self) {
    if (!one.run->abandon())
      return false;
    not_running(one, self);
    self.give_place(std::exchange(one.recorded, {}));
    how_->let_go(*one.run);
    self.abandon(one.run);
    one.now = state::ended;
    return true;
  }

  /// Who was stuck once would be again, and cost another thread: the item is not run again.
  void dead_letter_stuck(in_hand& one, worker& self) {
    auto why =
        fatal("no progress for " + std::to_string(self.options().item_time_max.count()) + " ms");
    const auto decision = self.decide(why, one.trouble, one.id, one.began, false);
    to_dead_letters(one, why, self);
    goes_down(std::move(why), decision.charge);
  }

  void to_dead_letters(in_hand& one, const failure& why, worker& self) {
    const auto& item = one.run->item;
    const auto& taken = one.run->payload; // made of the item as it was
    self.to_dead_letters(one.from, taken ? *taken : kept_as<In>::payload(item),
                         taken ? typeid(In) : kept_as<In>::type(item), why, one.trouble);
    self.give_place(std::exchange(one.recorded, {}));
    one.now = state::ended;
  }

  void goes_down(failure why, std::uint32_t charge) {
    if (!down_)
      down_.emplace(end_of_worker{std::move(why), charge});
  }

  /// A run has ended.
  void reap(in_hand& one, slice& now) {
    auto& self = now.self;
    auto& run = *one.run;
    not_running(one, self);
    if (how_->outside())
      self.counters().latency.add(self.now() - one.began);
    if (one.timed_out && run.failed) // its own words would only say that it was cancelled
      run.failed =
          transient("timed out after " + std::to_string(self.options().timeout.count()) + " ms");
    if (!run.failed && run.outputs.size() > self.options().outputs_max)
      run.failed = fatal(too_many_outputs(self.options().outputs_max));
    if (!run.failed) {
      try {
        one.lanes = exit_.lanes_of(run.outputs);
      } catch (...) {
        run.failed = describe_current_exception();
      }
    }
    auto wrong = how_->ended(run, self.where());
    if (const auto turn = run.wanted_turn())
      self.wake_at(*turn);
    if (wrong && !run.failed) { // the item has not happened
      wrong->kind = failure_kind::fatal;
      run.outputs.clear();
      one.now = state::waiting_to_run_again;
      one.until = self.now();
      ++waiting_;
      stage_failed_ = std::move(wrong);
      return;
    }
    if (!run.failed) {
      one.now = state::succeeded;
      self.give_place(std::exchange(one.recorded, {}));
      ++now.done.items;
      if (window_ < self.options().in_flight_max)
        ++window_;
      self.succeeded();
      if (down_) // what is charged for a run that failed before this one is forgiven, not told later
        down_->charge = 0;
      if (self.options().order == order::relaxed)
        leave(one, now);
      return;
    }
    if (wrong)
      stage_failed_ = std::move(wrong);
    ++now.done.wasted;
    auto why = std::move(*run.failed);
    run.failed.reset();
    run.outputs.clear();
    const auto decision = self.decide(why, one.trouble, one.id, one.began, !run.payload);
    switch (decision.what) {
    case answer::retry:
    case answer::restart:
      one.now = state::waiting_to_run_again;
      one.until = self.services().node.now() + decision.delay; // the run may have taken its time
      if (one.recorded)
        one.recorded.failed(one.from, one.trouble.failures());
      ++waiting_;
      break;
    case answer::dead_letter:
    case answer::dead_letter_and_restart:
      to_dead_letters(one, why, self);
      break;
    }
    if (decision.what == answer::restart || decision.what == answer::dead_letter_and_restart)
      goes_down(std::move(why), decision.charge);
  }

  // --- leaving ---------------------------------------------------------------------------------------

  void leave(in_hand& one, slice& now) {
    exit_.leave(*one.run, one.from, one.lanes, one.trouble, now.settled, now.self);
    one.now = state::ended;
    one.run.reset();
  }

  /// Hands on what may leave, and releases the oldest items that are done.
  void leave(slice& now) {
    while (!runs_.empty()) {
      auto& oldest = runs_.front();
      if (oldest.now == state::succeeded)
        leave(oldest, now);
      if (oldest.now != state::ended)
        break;
      auto& from = in_[oldest.input];
      --from.taken;
      runs_.pop_front();
      look_from_ -= std::min<std::size_t>(look_from_, 1);
      from.from->release(1);
    }
  }

  /// What a stage with state does without an item; its outputs belong to no position.
  std::optional<failure> without_item(std::optional<failure> (item_runner::*what)(std::vector<Out>&,
                                                                                  context&),
                                      worker& self) {
    if (running_ > 0)
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
    if (runs_.empty() && ready
        && std::ranges::all_of(in_, [](const auto& one) { return exhausted(one); }))
      return end_of_stream(self);
    slice_result wait{.what = slice_result::state::waiting, .until = later};
    wait.for_credit = !ready;
    if (held_back_) { // woken when it may go on
      wait.time = waiting_as::blocked;
      return wait;
    }
    if (ready && !refused_ && in_flight() < places(self)) {
      wait.for_input = true;
      const bool untaken =
          std::ranges::any_of(in_, [](const auto& one) { return one.from->size() > one.taken; });
      if (untaken && self.permits().limited()) { // only permits are missing
        wait.for_input = false;
        const auto permit = self.permits().next(self.now());
        wait.until = later ? std::min(*later, permit) : permit;
      }
    }
    wait.time = running_ > 0                               ? waiting_as::busy
                : ready && runs_.empty() && wait.for_input ? waiting_as::idle
                                                           : waiting_as::blocked;
    return wait;
  }

  slice_result end_of_stream(worker& self) {
    if (!self.dead_letters_stored())
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

  std::size_t in_flight() const { return running_ + waiting_; }
  std::size_t places(worker& self) const {
    return std::min<std::size_t>(self.options().in_flight_max, window_);
  }

  const std::unique_ptr<item_runner> how_;
  std::vector<input> in_;
  std::size_t current_ = 0;
  Exit exit_;
  std::deque<in_hand> runs_; // in the order the items were taken
  std::size_t running_ = 0;
  std::size_t waiting_ = 0;   // to run again
  std::size_t look_from_ = 0; // index into runs_: see look_at_clock
  std::uint32_t window_ = unlimited;
  bool built_before_ = false;
  bool drained_ = false;
  bool refused_ = false;   // the function has no demand
  bool held_back_ = false; // for the sake of a suspect
  // In a step.
  std::optional<end_of_worker> down_;
  std::optional<failure> stage_failed_;
};

} // namespace weir
