#pragma once

#include <weir/actors/outlet.hpp>
#include <weir/actors/signature.hpp>
#include <weir/actors/worker.hpp>

#include <algorithm>
#include <concepts>
#include <optional>
#include <stdexcept>
#include <utility>

namespace weir {

/// What a source says after it was polled.
enum class source_state {
  more, ///< there may be more at once
  wait, ///< nothing now: it will wake context::source_waker, or asked for context::wake_at
  done  ///< the end of the stream
};

/// Where a source puts what it has read, each item with its position in the lane: a line number, an offset.
template <class T>
class intake {
public:
  /// How many items may still be put in this call. An item behind a wide gap may use up all that is left: ask
  /// again after each.
  std::size_t room() const noexcept { return room_ - put_; }

  /// Puts an item at the next position.
  void put(T item) { put(std::move(item), last_ + 1); }

  /// Puts an item at `position`, which must lie behind the last one. Positions that are left out were empty.
  /// Throws std::logic_error without room, or for a position that does not lie behind the last one.
  void put(T item, std::uint64_t position) {
    if (put_ == room_)
      throw std::logic_error{"weir: a source put more items than there was room for"};
    if (position != last_ + 1) {
      skip_to(position);
      if (!books_->lane_at(lane_).reaches(position + room())) {
        // Too far ahead of what is in flight: it waits for that to be settled.
        deferred_->emplace(std::move(item), position);
        room_ = put_;
        last_ = position;
        return;
      }
    }
    const origin where{lane_, position};
    if (ring_ != nullptr) {
      const auto index = first_ + put_;
      std::construct_at(ring_->value(index), std::move(item));
      ring_->from(index) = where;
    } else {
      const auto lane = outlet_->lane_of(item);
      outlet_->put(std::move(item), where, lane);
    }
    ++put_;
    ++run_;
    last_ = position;
  }

private:
  template <class>
  friend class source_stepper;

  void skip_to(std::uint64_t position) {
    if (position <= last_ || position > origin::position_max)
      throw std::logic_error{"weir: a source put position " + std::to_string(position)
                             + " after position " + std::to_string(last_)};
    admit_run();
    last_ = position - 1;
  }
  void admit_run() {
    if (run_ > 0)
      books_->lane_at(lane_).admit(last_ - run_ + 1, run_);
    run_ = 0;
  }

  using deferred_item = std::optional<std::pair<T, std::uint64_t>>;

  acknowledgement* books_ = nullptr;
  deferred_item* deferred_ = nullptr;
  std::uint32_t lane_ = 0;
  ring<T>* ring_ = nullptr; // the only one; or null, and outlet_ spreads
  outlet<T>* outlet_ = nullptr;
  std::size_t first_ = 0;
  std::size_t room_ = 0;
  std::size_t put_ = 0;
  std::uint64_t run_ = 0; // items put since the last gap
  std::uint64_t last_ = 0;
};

/// A source: `output`, and `poll(intake<output>&, context&)` returning source_state or result<source_state>.
/// Optional: `lane()` names it in positions, `resume_after()` is the position an earlier life had settled,
/// `on_start(context&)`.
template <class S>
concept source_like = requires(S source, intake<typename S::output>& in, context& where) {
  { source.poll(in, where) } -> std::convertible_to<result<source_state>>;
};

template <class S>
class source_stepper final : public stepper {
  using source = product_t<S>;
  using Out = typename source::output;

public:
  source_stepper(const ports& where, S prototype, std::uint32_t lane)
      : prototype_{std::move(prototype)}, out_{where.out.front()}, lane_{lane} {}

  result<void> rebuild(context& where) override {
    source_.reset();
    source_.emplace(product<S>::make(prototype_));
    return started(*source_, where);
  }

  slice_result step(std::size_t budget, worker& self) override {
    if (!out_.flush())
      return {
          .what = slice_result::state::waiting, .for_credit = true, .time = waiting_as::blocked};
    auto& lane = self.books().lane_at(lane_);
    if ((done_ && !deferred_) || self.where().stopping().stop_requested())
      return end_of_stream();
    budget = static_cast<std::size_t>(std::min<std::uint64_t>(budget, lane.room()));
    if (budget == 0)
      return {.what = slice_result::state::waiting,
              .until = lane.call_when_settled(self) ? std::nullopt : std::optional{self.now()},
              .time = waiting_as::blocked};

    if (deferred_ && lane.prefix() < lane.last_admitted())
      return {.what = slice_result::state::waiting,
              .until = lane.call_when_settled(self, deferred_->second) ? std::nullopt
                                                                       : std::optional{self.now()},
              .time = waiting_as::blocked};

    intake<Out> in;
    in.books_ = &self.books();
    in.deferred_ = &deferred_;
    in.lane_ = lane_;
    in.outlet_ = &out_;
    in.last_ = lane.last_admitted();
    in.room_ = budget;
    if (auto* single = out_.single(); single != nullptr) {
      in.ring_ = single;
      in.first_ = single->write_index();
      in.room_ = std::min(budget, single->credit(budget));
      if (in.room_ == 0)
        return {
            .what = slice_result::state::waiting, .for_credit = true, .time = waiting_as::blocked};
    }
    if (deferred_) { // nothing is in flight: the lane can begin anew there
      auto [item, position] = std::move(*deferred_);
      deferred_.reset();
      lane.jump_to(position);
      in.last_ = position - 1;
      in.put(std::move(item), position);
    }
    const auto said = in.room() > 0 ? poll(in, self) : source_state::more;
    commit(in, self); // also what was put before a failure
    self.last_position = in.last_;
    if (!said)
      return failed_with(said.error(), in.put_);
    switch (*said) {
    case source_state::more:
      break;
    case source_state::wait:
      return {.what = in.put_ > 0 ? slice_result::state::again : slice_result::state::waiting,
              .items = in.put_};
    case source_state::done:
      done_ = true;
      break;
    }
    return {.items = in.put_};
  }

  void blocked_on(std::vector<ring_base*>& rings) const override { out_.blocked_on(rings); }
  bool ends_on_drain() const override { return true; }

private:
  result<source_state> poll(intake<Out>& in, worker& self) {
    try {
      return source_->poll(in, self.where());
    } catch (...) {
      return describe_current_exception();
    }
  }

  void commit(intake<Out>& in, worker& self) {
    if (in.put_ == 0)
      return;
    in.admit_run();
    self.books().admitted(in.put_);
    if (in.ring_ != nullptr)
      in.ring_->publish(in.put_);
    else
      out_.publish();
  }

  slice_result end_of_stream() {
    out_.close();
    return {.what = slice_result::state::finished};
  }

  S prototype_;
  std::optional<source> source_;
  outlet<Out> out_;
  const std::uint32_t lane_;
  typename intake<Out>::deferred_item deferred_; // an item far behind the last one
  bool done_ = false;
};

} // namespace weir
