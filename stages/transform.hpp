#pragma once

#include <weir/stages/batch.hpp>
#include <weir/stages/inlet.hpp>
#include <weir/stages/outlet.hpp>
#include <weir/stages/payload.hpp>
#include <weir/stages/signature.hpp>
#include <weir/stages/stage_call.hpp>
#include <weir/stages/worker.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir {

/// An item by its place: its ring, and its index there, which is never used twice.
inline std::uint64_t item_id(const ring_base& where, std::size_t index) {
  return std::hash<const void*>{}(&where) ^ (std::uint64_t{index} << 1U);
}

/// How an item is kept if it becomes a dead letter: a batch of one as a row that a sink rejects.
template <class In>
struct kept_as {
  static std::string payload(const In& item) noexcept {
    if constexpr (is_batch<In>)
      if (item.items.size() == 1)
        return kept_payload_of(item.items.front());
    return kept_payload_of(item);
  }
  static const std::type_info& type(const In& item) {
    if constexpr (is_batch<In>)
      if (item.items.size() == 1)
        return typeid(typename In::value_type);
    static_cast<void>(item);
    return typeid(In);
  }
};

/// What every stepper with a mailbox of `In` shares: the mailbox, and the item at its head while it fails.
template <class In>
class consuming_stepper : public stepper {
public:
  explicit consuming_stepper(const ports& where)
      : in_{where.in},
        replays_{where.replays},
        key_{std::static_pointer_cast<const key_function>(where.hold_key)} {}

  std::optional<origin> in_hand() const override {
    if (!failed_item_)
      return std::nullopt;
    auto* from = in_.current();
    return from->from(from->read_index());
  }
  std::uint64_t in_hand_id() const override {
    return item_id(*in_.current(), in_.current()->read_index());
  }
  std::string payload() const override { return kept_as<In>::payload(next_item_there()); }
  const std::type_info& payload_type() const override {
    return kept_as<In>::type(next_item_there());
  }
  std::optional<next_item> next_in_line() override {
    auto* from = in_.next();
    return from == nullptr ? next_item{} : next_item{true, from->from(from->read_index())};
  }
  void discard() override {
    in_.current()->release(1);
    in_.turn_over();
    failed_item_ = false;
  }

  std::size_t admit(std::size_t budget, worker& self) override {
    auto* from = in_.next();
    if (from == nullptr || from == replays_) // what is replayed has its order already
      return budget;
    const auto first = from->read_index();
    const bool again = self.runs_again(item_id(*from, first));
    const bool full = self.keys_full();
    // A letter of an earlier stage that is replayed passes too: the replay of this stage may stand behind it.
    if (full && !again && !self.is_replayed(from->from(first))) {
      if (replays_ == nullptr || !in_.turn_to(*replays_))
        return 0;
      return budget;
    }
    const auto there =
        full ? std::size_t{1} : std::min({budget, from->available(budget), admitted_at_once});
    std::size_t items = again ? 1 : 0;
    for (std::size_t letters = 0; items < there - letters;) {
      if (letters > 0 && self.keys_full())
        break;
      auto& item = *from->value(from->read_index() + items);
      auto key = key_of(item);
      const auto where = from->from(from->read_index() + items);
      const auto whom = key.empty() ? std::nullopt : self.held_behind(key, where);
      if (!whom) {
        ++items;
        continue;
      }
      if (items > 0)
        break;
      self.hold_behind(*whom, where, kept_as<In>::payload(item), kept_as<In>::type(item),
                       std::move(key));
      from->release(1);
      ++letters;
    }
    return items;
  }
  std::string key_in_hand() const override {
    auto* from = in_.current();
    return key_of(*from->value(from->read_index()));
  }
  ring_base* replays() const override { return replays_; }
  bool only_replays_left() const override { return replays_ != nullptr && in_.only(*replays_); }

  void inputs(std::vector<ring_base*>& rings) const override { in_.waiting_for(rings); }
  bool input_there() const override { return in_.something_there(); }
  std::size_t backlog() const override { return in_.size(); }

protected:
  /// The item at the head of the current ring failed.
  slice_result item_failed(failure why, std::size_t items) {
    failed_item_ = true;
    return failed_with(std::move(why), items);
  }
  /// Something failed with no item in hand: at the end of the stream, say.
  slice_result stage_failed(failure why, std::size_t items) {
    failed_item_ = false;
    return failed_with(std::move(why), items);
  }

  inlet<In> in_;

private:
  const In& next_item_there() const { return *in_.current()->value(in_.current()->read_index()); }

  using key_function = std::function<std::string(const In&)>;

  /// Items whose keys are looked at before they run: their letters wait in the worker until they are handed over.
  static constexpr std::size_t admitted_at_once = 64;

  /// Empty where there is none, also if the function throws: the item will fail by itself, or does not need it.
  std::string key_of(const In& item) const {
    if (!key_)
      return {};
    try {
      return (*key_)(item);
    } catch (...) {
      return {};
    }
  }

  ring_base* const replays_;
  const std::shared_ptr<const key_function> key_; // of hold_key
  bool failed_item_ = false;
};

/// The loop around a stage function, or a stateful stage: items in, items out.
template <class F>
class transform_stepper final
    : public consuming_stepper<typename stage_shape<product_t<F>>::input> {
  using shape = stage_shape<product_t<F>>;
  using In = typename shape::input;
  using Out = typename shape::output;
  using stage = product_t<F>;
  using calls = stage_call<F, shape::moves_item>;
  using consuming_stepper<In>::in_;

public:
  transform_stepper(const ports& where, F prototype)
      : consuming_stepper<In>{where}, prototype_{std::move(prototype)}, out_{where.out.front()} {}

  result<void> rebuild(context& where) override {
    stage_.reset();
    stage_.emplace(product<F>::make(prototype_));
    if constexpr (recoverable_stage<stage>)
      if (kept_)
        stage_->restore(*kept_);
    return started(*stage_, where);
  }

  slice_result step(std::size_t budget, worker& self) override {
    if (!out_.ready() && !out_.flush())
      return without_credit();
    if (auto failed = drained_ ? std::nullopt : timer(self))
      return std::move(*failed);
    auto* from = in_.next();
    if (from == nullptr) {
      if (in_.finished())
        return end_of_stream(self);
      return {.what = slice_result::state::waiting, .for_input = true};
    }
    if (budget == 0)
      return {};
    if constexpr (shape_is_direct())
      if (auto* to = out_.single(); to != nullptr)
        return step_into(*from, *to, budget, self);
    return step_through(*from, budget, self);
  }

  std::size_t admit(std::size_t budget, worker& self) override {
    return rolled_back_ ? budget : consuming_stepper<In>::admit(budget, self); // they were, before
  }
  void blocked_on(std::vector<ring_base*>& rings) const override { out_.blocked_on(rings); }

private:
  static constexpr bool shape_is_direct() { return shape::direct; }

  /// Items that are run without a look whether the pipeline is aborted: a slice that was quick may become slow.
  static constexpr std::size_t at_a_stretch = 64;

  /// One item in, at most one out, straight from slot to slot.
  slice_result step_into(ring<In>& from, ring<Out>& to, std::size_t budget, worker& self) {
    using returns = typename shape::returns;
    const auto first = from.read_index();
    const auto target = to.write_index();
    const auto count = std::min({budget, from.available(), to.credit(budget),
                                 from.contiguous(first), to.contiguous(target)});
    if (count == 0)
      return without_credit();
    In* const source = from.value(first);
    Out* const destination = to.value(target);
    const origin* const source_origin = &from.from(first);
    origin* const destination_origin = &to.from(target);

    std::size_t done = 0; // items finished
    std::size_t made = 0; // outputs written
    std::optional<failure> failed;
    auto in_hand = self.in_hand();
    if constexpr (!returns::may_fail && !returns::filters) {
      try {
        while (done < count && !self.aborted()) {
          // No look at anything else in here, so that the loop stays what the function costs.
          const auto end = std::min(count, done + at_a_stretch);
          if (!in_hand)
            for (; done < end; ++done)
              std::construct_at(destination + done,
                                calls::direct(*stage_, source[done], self.where()));
          else
            for (; done < end; ++done) {
              in_hand.take(source_origin[done]);
              std::construct_at(destination + done,
                                calls::direct(*stage_, source[done], self.where()));
            }
        }
      } catch (...) {
        failed = describe_current_exception();
      }
      std::copy_n(source_origin, done, destination_origin);
      made = done;
    } else {
      batched_settlement filtered{self.books(), outcome::filtered};
      try {
        for (; done < count && !self.aborted(); ++done) {
          if (in_hand)
            in_hand.take(source_origin[done]);
          auto answer = calls::direct(*stage_, source[done], self.where());
          if (auto* output = calls::output_of(answer, failed); output != nullptr) {
            std::construct_at(destination + made, std::move(*output));
            destination_origin[made++] = source_origin[done];
          } else if (failed) {
            break;
          } else {
            filtered.add(source_origin[done]);
          }
        }
      } catch (...) {
        failed = describe_current_exception();
      }
    }
    if (made > 0)
      to.publish(made);
    if (done > 0)
      from.release(done);
    if (failed)
      return this->item_failed(std::move(*failed), done);
    in_.turn_over();
    return {.items = done};
  }

  /// The general way: what an item leads to is held until the item is done.
  slice_result step_through(ring<In>& from, std::size_t budget, worker& self) {
    const auto first = from.read_index();
    auto count = std::min(budget, from.available());
    if (rolled_back_)
      count = std::min(count, rolled_back_->done);
    std::size_t done = 0;
    std::optional<failure> failed;
    auto in_hand = self.in_hand();
    {
      batched_settlement filtered{self.books(), outcome::filtered};
      for (; done < count && out_.ready() && !full() && !self.aborted(); ++done) {
        auto& item = *from.value(first + done);
        const auto where = from.from(first + done);
        outputs_.clear();
        if (in_hand)
          in_hand.take(where);
        try {
          failed = calls::run(*stage_, item, outputs_, self.options().outputs_max, self.where());
          if (!failed)
            choose_lanes();
        } catch (...) {
          failed = describe_current_exception();
        }
        if (failed)
          break;
        if constexpr (recoverable_stage<stage>)
          hold(where);
        else
          hand_on(where, outputs_, lanes_, filtered, self);
      }
      if constexpr (recoverable_stage<stage>) {
        if (failed && done > 0)
          return roll_back(std::move(*failed), done, self);
        if (failed) { // with nothing done: it may have changed the state already
          rolled_back_.reset();
          if (auto why = rebuilt(self))
            return this->stage_failed(std::move(*why), 0);
        } else if (rolled_back_ && done == rolled_back_->done) {
          failed = std::move(rolled_back_->why);
          rolled_back_.reset();
        } else if (rolled_back_) { // for want of credit
          rolled_back_->done -= done;
        }
        if (done > 0) {
          try {
            kept_ = stage_->checkpoint();
          } catch (...) { // no item's fault: the slice has not happened, and is run again
            let_go();
            rolled_back_.reset();
            auto not_kept = this->stage_failed(describe_current_exception(), 0);
            not_kept.wasted = done;
            return not_kept;
          }
        }
        for (auto& one : held_)
          hand_on(one.where, one.outputs, one.lanes, filtered, self);
        let_go();
      }
    }
    out_.publish();
    if (done > 0)
      from.release(done);
    if (failed)
      return this->item_failed(std::move(*failed), done);
    // What is run again, and the item that failed, are next in this ring; and where a timer took the credit, its turn
    // is still to come.
    if (!rolled_back_ && done > 0)
      in_.turn_over();
    return {.items = done};
  }

  /// The state is kept once a slice. Where an item of a slice fails, nothing of the slice has happened: the state
  /// goes back, and the next slice runs the `done` items before it once more, keeps the state after them, and
  /// only then reports the failure.
  slice_result roll_back(failure why, std::size_t done, worker& self) {
    let_go();
    rolled_back_ = rolled_back{std::move(why), done};
    if (auto not_rebuilt = rebuilt(self)) {
      auto down = this->stage_failed(std::move(*not_rebuilt), 0);
      down.wasted = done;
      return down;
    }
    return {.wasted = done + 1};
  }

  std::optional<failure> rebuilt(worker& self) {
    try {
      auto why = rebuild(self.where());
      if (why)
        return std::nullopt;
      why.error().kind = failure_kind::fatal; // without a stage there is nothing to go on with
      return std::move(why.error());
    } catch (...) {
      return describe_current_exception();
    }
  }

  void choose_lanes() {
    lanes_.clear();
    for (const auto& output : outputs_)
      lanes_.push_back(out_.lane_of(output));
  }

  // The outputs of a recoverable stage's slice are held until its state is kept: no more of them than there is
  // credit for, but for one item's.
  void hold(origin where) {
    held_outputs_ += outputs_.size();
    held_.push_back({where, std::move(outputs_), std::move(lanes_)});
  }
  bool full() const { return held_outputs_ > 0 && held_outputs_ >= out_.room(); }
  void let_go() {
    held_.clear();
    held_outputs_ = 0;
  }

  void hand_on(origin where, std::vector<Out>& outputs, const std::vector<std::size_t>& lanes,
               batched_settlement& filtered, worker& self) {
    if (outputs.empty())
      filtered.add(where);
    else
      self.books().share(where, static_cast<std::uint32_t>(outputs.size() - 1));
    for (std::size_t k = 0; k < outputs.size(); ++k)
      out_.put(std::move(outputs[k]), where, lanes[k]);
  }

  std::optional<slice_result> timer(worker& self) {
    if constexpr (has_timer<stage>)
      return hook(self, [&](emitter<Out>& emit) -> decltype(auto) {
        return stage_->on_timer(emit, self.where());
      });
    else
      return std::nullopt;
  }

  slice_result end_of_stream(worker& self) {
    if constexpr (has_drain<stage>)
      if (!drained_) {
        if (auto failed = hook(self, [&](emitter<Out>& emit) -> decltype(auto) {
              return stage_->on_drain(emit, self.where());
            }))
          return std::move(*failed);
        drained_ = true;
      }
    if (!out_.flush())
      return without_credit();
    if (!self.dead_letters_stored())
      return {.what = slice_result::state::waiting, .time = waiting_as::blocked};
    out_.close();
    return {.what = slice_result::state::finished};
  }

  /// Calls what emits without an item: its outputs belong to no position.
  template <class Call>
  std::optional<slice_result> hook([[maybe_unused]] worker& self, Call call) {
    outputs_.clear();
    std::optional<failure> failed;
    try {
      emitter<Out> emit{outputs_, SIZE_MAX}; // see has_timer
      failed = failure_of([&]() -> decltype(auto) { return call(emit); });
      if (!failed) {
        choose_lanes();
        if constexpr (recoverable_stage<stage>)
          kept_ = stage_->checkpoint();
      }
    } catch (...) {
      failed = describe_current_exception();
    }
    if (failed) {
      if constexpr (recoverable_stage<stage>) // what it changed has not happened
        if (auto why = rebuilt(self))
          failed = std::move(why);
      return this->stage_failed(std::move(*failed), 0);
    }
    for (std::size_t k = 0; k < outputs_.size(); ++k)
      out_.put(std::move(outputs_[k]), origin{}, lanes_[k]);
    out_.publish();
    return std::nullopt;
  }

  F prototype_;
  std::optional<stage> stage_;
  outlet<Out> out_;
  std::vector<Out> outputs_;       // of the item in hand
  std::vector<std::size_t> lanes_; // of outputs_
  bool drained_ = false;

  // Of a recoverable stage.
  std::optional<kept_state<stage>> kept_;
  struct held_item {
    origin where;
    std::vector<Out> outputs;
    std::vector<std::size_t> lanes;
  };
  std::vector<held_item> held_; // the slice's
  std::size_t held_outputs_ = 0;
  struct rolled_back {
    failure why;
    std::size_t done; // items before the one that failed
  };
  std::optional<rolled_back> rolled_back_;
};

} // namespace weir
