#pragma once

#include <weir/actors/emitter.hpp>
#include <weir/actors/outlet.hpp>
#include <weir/actors/payload.hpp>
#include <weir/actors/signature.hpp>
#include <weir/actors/transform.hpp>
#include <weir/actors/worker.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

/// Include this to give a pipeline stages that wait: functions that return boost::asio::awaitable<…>.
namespace weir {

/// The loop around an awaitable stage function: up to `in_flight_max` items are worked on at a time, on the
/// node's I/O context, and their results leave in the order of the items, unless that is relaxed.
///
/// An item stays in its slot of the mailbox until it is done, so that the function may keep a reference to it
/// and it can be run again. A run that takes longer than `timeout` is cancelled, and only when it has really
/// ended does the item count as failed. An exception ends the worker, as everywhere: runs in flight go on with
/// the function they began with, new ones begin with a fresh one.
template <class F>
class awaitable_stepper final : public stepper {
  using stage = product_t<F>;
  using shape = stage_shape<stage>;
  using In = typename shape::input;
  using Out = typename shape::output;
  static_assert(!shape::parameters::wants_context && !shape::parameters::emits,
                "weir: an awaitable stage function takes its item only");

public:
  awaitable_stepper(const ports& where, F prototype)
      : prototype_{std::move(prototype)}, out_{where.out.front()} {
    for (const auto& one : where.in)
      in_.push_back({one, static_cast<ring<In>*>(one.get()), 0});
  }

  result<void> rebuild(context& where) override {
    io_ = &where.node().io();
    stage_.reset();
    stage_ = std::make_shared<stage>(product<F>::make(prototype_));
    return started(*stage_, where);
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
    return std::ranges::any_of(in_, [this](const auto& one) {
      return !exhausted(one) && one.from->consumer_may_go_on(one.taken);
    });
  }
  void blocked_on(std::vector<ring_base*>& rings) const override { out_.blocked_on(rings); }
  std::size_t backlog() const override {
    std::size_t items = 0;
    for (const auto& one : in_)
      items += one.from->size();
    return items;
  }

  bool takes_permits() const override { return true; }

  void cancel() override {
    for (auto& one : runs_)
      if (one.state == state::running)
        cancel(one);
  }
  bool quiet() const override {
    return std::ranges::none_of(runs_, [](const auto& one) {
      return one.state == state::running && !one.now->done.load(std::memory_order_acquire);
    });
  }

private:
  /// One run of an item: written by the I/O thread until it is done.
  struct operation {
    std::shared_ptr<stage> function;
    std::shared_ptr<ring_base> mailbox; // keeps the item where it is
    const In* item = nullptr;
    boost::asio::cancellation_signal cancellation;
    std::optional<failure> failed;
    std::vector<Out> outputs;
    std::atomic<bool> done{false};
  };

  enum class state { running, waiting_to_run_again, succeeded, ended };

  /// An item that was taken and not released.
  struct run {
    std::size_t input = 0; // index into in_
    std::size_t index = 0; // of its slot
    origin where;
    weir::awaitable_stepper<F>::state state = state::running;
    std::shared_ptr<operation> now;
    time_point began{};
    time_point until{}; // the end of its time, or of its back-off
    bool timed_out = false;
    item_trouble trouble{};
    hand in_hand{};       // of the flight recorder
    bool entered = false; // see worker::enter
    // Of a run that succeeded, until they may leave.
    std::vector<Out> outputs{};
    std::vector<std::size_t> lanes{};
  };

  struct input {
    std::shared_ptr<ring_base> owned;
    ring<In>* from;
    std::size_t taken; // items at the front that are in runs_
  };

  slice_result step_on(std::size_t budget, worker& self) {
    bool ready = out_.flush();
    slice_result done{.timed = true};
    std::optional<std::pair<failure, std::uint32_t>> down;
    for (auto& one : runs_)
      if (one.state == state::running && one.now->done.load(std::memory_order_acquire))
        if (auto charge = reap(one, done, self); charge && !down)
          down = std::move(charge);
    ready = hand_on(self) && ready;
    if (down) {
      auto failed = failed_with(std::move(down->first), done.items);
      failed.timed = true;
      failed.charge = down->second;
      return failed;
    }
    const auto later = run_again_and_time_out(self);
    const bool took = ready && !held_back_ && take_new(budget, self);
    if (done.items > 0 || took)
      return done;
    return nothing_to_do(ready, later, self);
  }

  bool exhausted(const input& one) const {
    const bool closed = one.from->closed(); // before the size: nothing comes after it
    return closed && one.from->size() == one.taken;
  }

  // --- starting --------------------------------------------------------------------------------------

  /// False: not now, for the sake of a suspect of the flight recorder.
  bool may_begin(run& one, const std::optional<suspect>& known, worker& self) {
    if (!self.suspects_remain())
      return true;
    if (held_back_)
      return false;
    one.entered = self.enter(known && known->deaths > 0);
    held_back_ = !one.entered;
    return one.entered;
  }

  void begin(run& one, worker& self) {
    if (one.in_hand)
      one.in_hand.take(one.where);
    one.now = std::make_shared<operation>();
    one.now->function = stage_;
    one.now->mailbox = in_[one.input].owned;
    one.now->item = in_[one.input].from->value(one.index);
    one.state = state::running;
    one.began = self.now();
    one.timed_out = false;
    one.until = self.options().timeout.count() > 0 ? self.now() + self.options().timeout
                                                   : time_point::max();
    ++running_;
    boost::asio::post(*io_, [operation = one.now, io = io_, &self] {
      boost::asio::co_spawn(
          *io, work(operation),
          boost::asio::bind_cancellation_slot(
              operation->cancellation.slot(), [operation, &self](std::exception_ptr thrown) {
                if (thrown)
                  operation->failed = described(thrown);
                operation->function.reset();
                operation->done.store(true, std::memory_order_release);
                self.wake();
              }));
    });
  }

  static boost::asio::awaitable<void> work(std::shared_ptr<operation> of) {
    auto answer = co_await (*of->function)(*of->item);
    take_answer(*of, answer);
  }

  template <class T>
  static void take_answer(operation& of, T& answer) {
    if constexpr (std::is_same_v<T, Out>) {
      of.outputs.push_back(std::move(answer));
    } else if constexpr (requires { answer.error(); }) {
      if (answer)
        take_answer(of, *answer);
      else
        of.failed = std::move(answer.error());
    } else if constexpr (requires { answer.has_value(); }) {
      if (answer)
        of.outputs.push_back(std::move(*answer));
    } else {
      of.outputs = std::move(answer);
    }
  }

  static failure described(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (...) {
      return describe_current_exception();
    }
  }

  void cancel(run& one) {
    boost::asio::post(*io_, [operation = one.now] {
      operation->cancellation.emit(boost::asio::cancellation_type::terminal);
    });
  }

  /// Takes items as long as there are permits and places in flight.
  bool take_new(std::size_t budget, worker& self) {
    bool took = false;
    for (std::size_t tried = 0; tried < in_.size() && budget > 0;) {
      auto& from = in_[current_];
      if (in_flight() >= self.options().in_flight_max)
        break;
      if (from.from->available(from.taken + 1) <= from.taken) {
        current_ = (current_ + 1) % in_.size();
        ++tried;
        continue;
      }
      run next{};
      next.input = current_;
      next.index = from.from->read_index() + from.taken;
      next.where = from.from->from(next.index);
      std::optional<suspect> known;
      if (self.suspects_remain()) {
        known = self.suspicion(next.where);
        if (auto why = known ? self.sentence(*known) : std::nullopt) {
          self.park_unrun(next.where, payload_of(*from.from->value(next.index)), typeid(In), *known,
                          std::move(*why));
          next.state = state::ended;
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
      next.in_hand = self.take_place();
      ++from.taken;
      begin(runs_.emplace_back(std::move(next)), self);
      --budget;
      took = true;
      current_ = (current_ + 1) % in_.size(); // a mailbox that never runs dry starves no other
      tried = 0;
    }
    return took;
  }

  // --- going on --------------------------------------------------------------------------------------

  /// Looks at the clock: runs that take too long, and items whose back-off is over. Returns when to look next.
  std::optional<time_point> run_again_and_time_out(worker& self) {
    std::optional<time_point> next;
    const auto not_before = [&next](time_point when) {
      if (when != time_point::max() && (!next || when < *next))
        next = when;
    };
    for (auto& one : runs_) {
      if (one.state == state::running && !one.timed_out) {
        if (one.until <= self.now()) {
          one.timed_out = true;
          cancel(one);
        } else {
          not_before(one.until);
        }
      } else if (one.state == state::waiting_to_run_again) {
        if (one.until > self.now()) {
          not_before(one.until);
        } else if (self.permits().take(1, self.now()) == 0) {
          not_before(self.permits().next(self.now()));
        } else if (const auto known =
                       self.suspects_remain() ? self.suspicion(one.where) : std::nullopt;
                   !may_begin(one, known, self)) {
          self.permits().give_back(1);
        } else {
          --waiting_;
          begin(one, self);
          not_before(one.until);
        }
      }
    }
    return next;
  }

  /// A run has ended. Returns the failure and the charge if the worker ends by it.
  std::optional<std::pair<failure, std::uint32_t>> reap(run& one, slice_result& done,
                                                        worker& self) {
    --running_;
    if (one.in_hand)
      one.in_hand.empty();
    if (std::exchange(one.entered, false))
      self.leave();
    self.counters().latency.add(self.now() - one.began);
    auto ended = std::move(one.now);
    if (one.timed_out && ended->failed) // its own words would only say that it was cancelled
      ended->failed =
          transient("timed out after " + std::to_string(self.options().timeout.count()) + " ms");
    if (!ended->failed && ended->outputs.size() > self.options().outputs_max)
      ended->failed = fatal(too_many_outputs(self.options().outputs_max));
    if (!ended->failed) {
      try {
        one.lanes.clear();
        for (const auto& output : ended->outputs)
          one.lanes.push_back(out_.lane_of(output));
      } catch (...) {
        ended->failed = describe_current_exception();
      }
    }
    if (!ended->failed) {
      one.state = state::succeeded;
      self.give_place(std::exchange(one.in_hand, {}));
      one.outputs = std::move(ended->outputs);
      ++done.items;
      self.succeeded();
      return std::nullopt;
    }
    auto why = std::move(*ended->failed);
    const auto decision =
        self.decide(why, one.trouble, item_id(*in_[one.input].from, one.index), one.began);
    switch (decision.what) {
    case answer::retry:
    case answer::restart:
      one.state = state::waiting_to_run_again;
      one.until = self.now() + decision.delay;
      if (one.in_hand)
        one.in_hand.failed(one.where, one.trouble.attempts);
      ++waiting_;
      break;
    case answer::park:
    case answer::park_and_restart:
      self.park(one.where, payload_of(*in_[one.input].from->value(one.index)), typeid(In), why,
                one.trouble);
      self.give_place(std::exchange(one.in_hand, {}));
      one.state = state::ended;
      break;
    }
    if (decision.what == answer::restart || decision.what == answer::park_and_restart)
      return std::pair{std::move(why), decision.charge};
    return std::nullopt;
  }

  /// Hands on what may leave, and releases the items that are done. Returns whether all of it found credit.
  bool hand_on(worker& self) {
    batched_settlement filtered{self.books(), ending::filtered};
    if (self.options().order == order::relaxed)
      for (auto& one : runs_)
        if (one.state == state::succeeded)
          hand_on(one, filtered, self);
    while (!runs_.empty()) {
      auto& oldest = runs_.front();
      if (oldest.state == state::succeeded)
        hand_on(oldest, filtered, self);
      if (oldest.state != state::ended)
        break;
      auto& from = in_[oldest.input];
      --from.taken;
      runs_.pop_front();
      from.from->release(1);
    }
    return out_.flush();
  }

  void hand_on(run& one, batched_settlement& filtered, worker& self) {
    if (one.outputs.empty())
      filtered.add(one.where);
    else
      self.books().share(one.where, static_cast<std::uint32_t>(one.outputs.size() - 1));
    for (std::size_t k = 0; k < one.outputs.size(); ++k)
      out_.put(std::move(one.outputs[k]), one.where, one.lanes[k]);
    one.outputs.clear();
    one.state = state::ended;
  }

  slice_result nothing_to_do(bool ready, std::optional<time_point> later, worker& self) {
    if (runs_.empty() && ready
        && std::ranges::all_of(in_, [this](const auto& one) { return exhausted(one); })) {
      if (!self.dead_letters_stored())
        return {.what = slice_result::state::waiting, .time = waiting_as::blocked};
      out_.close();
      return {.what = slice_result::state::finished};
    }
    slice_result wait{.what = slice_result::state::waiting, .until = later};
    wait.for_credit = !ready;
    if (held_back_) { // woken when it may go on
      wait.time = waiting_as::blocked;
      return wait;
    }
    const bool full = in_flight() >= self.options().in_flight_max;
    if (ready && !full) {
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

  std::size_t in_flight() const { return running_ + waiting_; }

  F prototype_;
  std::shared_ptr<stage> stage_;
  boost::asio::io_context* io_ = nullptr;
  std::vector<input> in_;
  std::size_t current_ = 0;
  outlet<Out> out_;
  std::deque<run> runs_; // in the order the items were taken
  std::size_t running_ = 0;
  std::size_t waiting_ = 0; // to run again
  bool held_back_ = false;  // for the sake of a suspect
};

/// Runs an awaitable to its end in the caller's thread, for repro. What it leaves behind in the I/O context, as
/// idle connections, outlives the call; one at a time.
template <class T, class Executor>
class awaitable_alone<boost::asio::awaitable<T, Executor>> {
public:
  using value_type = T;

  static T run(boost::asio::awaitable<T, Executor> operation) {
    static boost::asio::io_context io;
    io.restart();
    std::exception_ptr thrown;
    answer made;
    boost::asio::co_spawn(io, wait_for(std::move(operation), made), [&](std::exception_ptr what) {
      thrown = what;
      io.stop();
    });
    io.run();
    if (thrown)
      std::rethrow_exception(thrown);
    if constexpr (!std::is_void_v<T>)
      return std::move(*made);
  }

private:
  using answer = std::optional<std::conditional_t<std::is_void_v<T>, bool, T>>;

  static boost::asio::awaitable<void> wait_for(boost::asio::awaitable<T, Executor> operation,
                                               answer& made) {
    if constexpr (std::is_void_v<T>)
      co_await std::move(operation);
    else
      made.emplace(co_await std::move(operation));
  }
};

} // namespace weir
