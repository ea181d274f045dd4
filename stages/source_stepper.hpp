#pragma once

#include <weir/mailbox/partition.hpp>
#include <weir/stages/intake.hpp>
#include <weir/stages/outlet.hpp>
#include <weir/stages/partitions.hpp>
#include <weir/stages/product.hpp>
#include <weir/stages/source.hpp>
#include <weir/stages/stepper.hpp>
#include <weir/stages/worker.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir::internal {

/// The loop around a source: what it reads goes into the first mailboxes, as far as they and its partitions have room.
///
/// When the stream ends, or the pipeline drains, the mailboxes are closed. A source with `on_drain` keeps its turns
/// from then on until its partitions are at rest.
template <class S>
class source_stepper final : public stepper {
  using source = product_t<S>;
  using Out = typename source::output;
  static constexpr bool opens_partitions = weir::internal::opens_partitions<source>;
  /// It has something to do also where it can't put anything.
  static constexpr bool polled_without_room = opens_partitions || keeps_outcomes<source>;
  static constexpr bool drains = requires(source one, context& where) { one.on_drain(where); };

public:
  /// `partition` is the index of its only one, where it doesn't open them itself.
  source_stepper(const ports& where, S prototype, std::uint32_t partition)
      : prototype_{std::move(prototype)}, out_{where.out.front()}, partition_{partition} {}

  result<void> rebuild(context& where) override {
    sound_ = false;
    source_.reset();
    source_.emplace(product<S>::make(prototype_));
    auto begun = started(*source_, where);
    sound_ = begun.has_value();
    return begun;
  }

  slice_result step(std::size_t budget, worker& self) override {
    self.partitions().look(self.now());
    if (closed_)
      return after_the_end(self);
    const bool flushed = out_.flush();
    if (!flushed && !polled_without_room)
      return without_credit();
    if ((done_ && deferred_.empty()) || self.where().stopping().stop_requested())
      return end_of_stream(self);
    if (budget == 0)
      return without_budget(self);
    if constexpr (!opens_partitions)
      if (auto wait = without_partition(budget, self))
        return std::move(*wait);
    const auto room = flushed ? credit(std::max(budget, wanted_)) : 0;
    if (room == 0 && !polled_without_room)
      return without_credit();
    return read(opens_partitions ? room : std::min(room, budget), self);
  }

  void blocked_on(std::vector<ring_base*>& rings) const override {
    if (wanted_ > 0 && out_.ready())
      out_.short_of(out_.share_of(wanted_), rings);
    else
      out_.blocked_on(rings);
  }
  bool ends_on_drain() const override { return !closed_; }

private:
  using intake_type = intake<Out>;

  std::size_t credit(std::size_t items) const {
    auto* const single = out_.single();
    return std::min(items, single != nullptr ? single->credit(items) : out_.room(items));
  }

  /// Has the only partition room for so many?
  bool room_for(std::size_t items, worker& self) const {
    if constexpr (opens_partitions)
      return true;
    else
      return self.books().partition_at(partition_).room() >= items;
  }

  /// Lowers the budget to the positions that the only partition has room for. Returns what is to be done if it has
  /// none.
  std::optional<slice_result> without_partition(std::size_t& budget, worker& self) {
    auto& of = self.books().partition_at(partition_);
    if (of.now_is() == partition::state::closed)
      return failed_with(
          fatal("another process has claimed partition '" + of.name() + "' in the position store"),
          0);
    const auto positions_left = origin::position_max - of.last_admitted();
    if (positions_left == 0)
      return failed_with(fatal(beyond_positions(origin::position_max + 1)), 0);
    budget = static_cast<std::size_t>(
        std::min<std::uint64_t>({std::max(budget, wanted_), of.room(), positions_left}));
    if (budget == 0)
      return until_settled(of.call_when_there_is_room(self), self);
    if (!deferred_.empty() && of.prefix() < of.last_admitted())
      return until_settled(of.call_when_there_is_room(self, deferred_.front().position), self);
    return std::nullopt;
  }
  /// Unless it will be `called`, it looks again at once.
  static slice_result until_settled(bool called, worker& self) {
    return {.what = slice_result::state::waiting,
            .until = called ? std::nullopt : std::optional{self.now()},
            .time = waiting_as::settlement};
  }

  /// It is paused, or there is no permit. A source that has something to do also without room does that.
  slice_result without_budget(worker& self) {
    if constexpr (polled_without_room) {
      if (auto polled = read(0, self); polled.what == slice_result::state::failed)
        return polled;
    } else if (const auto at = self.partitions().next_look(self.now(), false)) {
      self.wake_at(*at);
    }
    return {};
  }

  /// Polls the source, which may put so many items.
  slice_result read(std::size_t room, worker& self) {
    auto& books = self.books();
    auto* single = out_.single();
    if (!opens_partitions && books.partition_at(partition_).any_settled_before())
      single = nullptr; // each position is looked at
    intake_type in{books, self, room, single, out_, deferred_};
    put_deferred(in, self);
    if constexpr (!opens_partitions)
      in.turn_to({partition_});
    self.credit_wanted = 0;
    auto said = result<source_state>{done_ ? source_state::done : source_state::more};
    if (!done_ && (polled_without_room || in.room() > 0))
      said = poll(in, self);
    commit(in, single, self); // also what was put before a failure
    if constexpr (!opens_partitions)
      self.last_put = deferred_.empty() ? in.last() : deferred_.front().position;
    wanted_ = std::min(self.credit_wanted, out_.capacity());
    if (const auto at = self.partitions().next_look(self.now(), in.items() > 0))
      self.wake_at(*at);
    if (!said)
      return failed(said.error(), in.items());
    if (*said == source_state::wait && in.left_out_) // it may have wanted to put more
      return {.items = in.items()};
    return what_next(*said, in.items(), room, self);
  }

  slice_result failed(failure why, std::size_t items) {
    sound_ = why.kind == failure_kind::transient;
    return failed_with(std::move(why), items);
  }

  slice_result what_next(source_state said, std::size_t items, std::size_t room, worker& self) {
    if (said == source_state::done) {
      done_ = true;
      if (deferred_.empty() || items > 0)
        return {.items = items};
      if (room == 0)
        return without_credit();
      return any_deferred_may_go_on(self) ? slice_result{}
                                          : slice_result{.what = slice_result::state::waiting,
                                                         .time = waiting_as::settlement};
    }
    if (said != source_state::wait) // without room it would be asked again and again
      return polled_without_room && room == 0 ? without_credit() : slice_result{.items = items};
    if (items > 0)
      return {.items = items};
    if (wanted_ > 0 && credit(wanted_) < wanted_)
      return {.what = slice_result::state::waiting,
              .for_credit = true,
              .credit = out_.share_of(wanted_),
              .time = waiting_as::credit};
    if (wanted_ > room && room_for(wanted_, self)) // this turn was offered less
      return {};
    if constexpr (!opens_partitions)
      if (wanted_ > 0) // it is the partition that has no room for so many
        self.books().partition_at(partition_).call_when_settled(self, 1);
    if (room == 0 || !out_.ready())
      return {.what = slice_result::state::waiting, .for_credit = true};
    if (any_deferred_may_go_on(self))
      return {};
    return {.what = slice_result::state::waiting};
  }

  /// Those whose partitions are at rest go on there, behind the gap.
  void put_deferred(intake_type& in, worker& self) {
    if (deferred_.empty())
      return;
    for (auto& one : std::exchange(deferred_, {})) {
      auto& of = self.books().partition_at(one.partition.index);
      if (of.now_is() != partition::state::open)
        continue; // it was never admitted
      if (!of.at_rest() || in.room() == 0) {
        deferred_.push_back(std::move(one));
        continue;
      }
      of.jump_to(one.position);
      in.turn_to(one.partition);
      if constexpr (opens_partitions)
        in.put(std::move(one.item), one.position, one.partition);
      else
        in.put(std::move(one.item));
    }
  }

  /// If not, it is woken when that may have changed.
  bool any_deferred_may_go_on(worker& self) {
    return std::ranges::any_of(deferred_, [&](const auto& one) {
      return !self.books()
                  .partition_at(one.partition.index)
                  .call_when_there_is_room(self, one.position);
    });
  }

  result<source_state> poll(intake_type& in, worker& self) {
    try {
      return source_->poll(in, self.where());
    } catch (...) {
      return describe_current_exception();
    }
  }

  void commit(intake_type& in, ring<Out>* single, worker& self) {
    if (in.items() == 0)
      return;
    in.admit_run();
    self.books().admitted(in.items());
    if (single != nullptr)
      single->publish(in.items());
    else
      out_.publish();
  }

  slice_result end_of_stream(worker& self) {
    if (!out_.flush()) // what was put is on its way
      return without_credit();
    out_.close();
    closed_ = true;
    self.source_ended();
    return after_the_end(self);
  }

  slice_result after_the_end(worker& self) {
    if constexpr (drains) {
      if (!sound_) // it does not commit what is settled, and that comes again
        return {.what = slice_result::state::finished};
      const bool rests = self.partitions().at_rest();
      if (!told_at_rest_) {
        result<void> answer;
        try {
          if constexpr (std::is_void_v<decltype(source_->on_drain(self.where()))>)
            source_->on_drain(self.where());
          else
            answer = source_->on_drain(self.where());
        } catch (...) {
          answer = describe_current_exception();
        }
        if (!answer)
          return failed(std::move(answer.error()), 0);
        told_at_rest_ = rests;
      }
      if (!rests) {
        if (const auto at = self.partitions().next_look(self.now(), false))
          self.wake_at(*at);
        return {.what = slice_result::state::waiting, .time = waiting_as::settlement};
      }
    }
    return {.what = slice_result::state::finished};
  }

  S prototype_;
  std::optional<source> source_;
  outlet<Out> out_;
  const std::uint32_t partition_;
  typename intake_type::deferred_items deferred_;
  std::size_t wanted_ = 0; // credit, before it is asked again
  bool sound_ = false;     // is the function one that can be asked?
  bool done_ = false;
  bool closed_ = false; // its mailboxes; nothing more is read
  bool told_at_rest_ = false;
};

} // namespace weir::internal
