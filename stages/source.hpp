#pragma once

#include <weir/stages/outlet.hpp>
#include <weir/stages/signature.hpp>
#include <weir/stages/worker.hpp>

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

/// Where a source puts what it has read, each item with its position in the partition: a line number, an offset.
template <class T>
class intake {
public:
  /// How many items may still be put in this call. An item behind a wide gap may use up all that is left: ask
  /// again after each.
  std::size_t room() const noexcept { return left_ + later_; }

  /// Puts an item at the next position.
  void put(T item) {
    if (left_ == 0 && !wrapped()) [[unlikely]]
      too_many();
    if (outlet_ != nullptr) [[unlikely]] {
      put_anywhere(std::move(item));
      return;
    }
    // Four cursors, and nothing else: this is the inner loop of every source.
    std::construct_at(slot_, std::move(item));
    ++slot_;
    *from_++ = origin::from_word(next_++);
    --left_;
  }

  /// Puts an item at `position`, which must lie behind the last one. Positions that are left out were empty.
  /// Throws std::logic_error without room, for a position that does not lie behind the last one, and for one beyond
  /// origin::position_max.
  void put(T item, std::uint64_t position) {
    if (room() > 0 && position != (next_ & origin::position_max)) {
      skip_to(position);
      if (!books_->partition_at(partition_).reaches(position + room())) {
        // Too far ahead of what is in flight: it waits for that to be settled.
        deferred_->emplace(std::move(item), position);
        begin_ -= room();
        run_ -= room();
        left_ = later_ = 0;
        return;
      }
    }
    put(std::move(item));
  }

private:
  template <class>
  friend class source_stepper;

  using deferred_item = std::optional<std::pair<T, std::uint64_t>>;

  /// `after` is the position of the last item; `where` the only ring, or null where `spread` takes the items.
  intake(acknowledgement& books, std::uint32_t partition, std::uint64_t after, std::size_t room,
         ring<T>* where, outlet<T>& spread, deferred_item& deferred)
      : books_{&books},
        deferred_{&deferred},
        partition_{partition},
        outlet_{where ? nullptr : &spread},
        next_{origin{partition, after}.word() + 1} {
    if (where != nullptr) {
      const auto first = where->write_index();
      slot_ = where->value(first);
      from_ = &where->from(first);
      start_ = where->value(first + where->contiguous(first));
      start_from_ = &where->from(first + where->contiguous(first));
      left_ = std::min(room, where->contiguous(first));
      later_ = room - left_;
    } else {
      left_ = room;
    }
    begin_ = run_ = room;
  }

  // Not inlined, so that `put` is.
  [[noreturn, gnu::noinline]] static void too_many() {
    throw std::logic_error{"weir: a source put more items than there was room for"};
  }
  /// Goes on at the beginning of the ring's slots; false if there is no room there either.
  bool wrapped() {
    slot_ = start_;
    from_ = start_from_;
    left_ = std::exchange(later_, 0);
    return left_ > 0;
  }
  [[gnu::noinline]] void put_anywhere(T item) {
    const auto lane = outlet_->lane_of(item);
    outlet_->put(std::move(item), origin::from_word(next_), lane);
    ++next_;
    --left_;
  }
  void skip_to(std::uint64_t position) {
    if (position > origin::position_max - room()) // whatever follows it in this call has one too
      throw std::logic_error{"weir: a source put " + beyond_positions(position)};
    if (position <= last())
      throw std::logic_error{"weir: a source put position " + std::to_string(position)
                             + " after position " + std::to_string(last())};
    admit_run();
    next_ = origin{partition_, position}.word();
  }
  void admit_run() {
    if (const std::uint64_t items = run_ - room(); items > 0)
      books_->partition_at(partition_).admit(last() - items + 1, items);
    run_ = room();
  }
  /// The position of the last item.
  std::uint64_t last() const { return (next_ - 1) & origin::position_max; }
  std::size_t items() const { return begin_ - room(); }

  acknowledgement* books_;
  deferred_item* deferred_;
  std::uint32_t partition_;
  outlet<T>* outlet_;  // null where the only ring is written to
  std::uint64_t next_; // the word of the next origin
  T* slot_ = nullptr;
  origin* from_ = nullptr;
  T* start_ = nullptr; // where the ring's slots begin again
  origin* start_from_ = nullptr;
  std::size_t left_ = 0;  // items that may still be put here
  std::size_t later_ = 0; // and at the beginning of the ring
  std::size_t begin_;     // what room() was at first
  std::size_t run_;       // and at the last gap
};

/// A source: `output`, and `poll(intake<output>&, context&)` returning source_state or result<source_state>.
/// Optional: `partition()` names it in positions, `resume_after()` is the position an earlier life had settled,
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
  source_stepper(const ports& where, S prototype, std::uint32_t partition)
      : prototype_{std::move(prototype)}, out_{where.out.front()}, partition_{partition} {}

  result<void> rebuild(context& where) override {
    source_.reset();
    source_.emplace(product<S>::make(prototype_));
    return started(*source_, where);
  }

  slice_result step(std::size_t budget, worker& self) override {
    if (!out_.flush())
      return without_credit();
    auto& partition = self.books().partition_at(partition_);
    if ((done_ && !deferred_) || self.where().stopping().stop_requested())
      return end_of_stream();
    if (budget == 0)
      return {};
    const auto positions_left = origin::position_max - partition.last_admitted();
    if (positions_left == 0)
      return failed_with(fatal(beyond_positions(origin::position_max + 1)), 0);
    budget = static_cast<std::size_t>(
        std::min<std::uint64_t>({budget, partition.room(), positions_left}));
    if (budget == 0)
      return {.what = slice_result::state::waiting,
              .until = partition.call_when_settled(self) ? std::nullopt : std::optional{self.now()},
              .time = waiting_as::blocked};

    if (deferred_ && partition.prefix() < partition.last_admitted())
      return {.what = slice_result::state::waiting,
              .until = partition.call_when_settled(self, deferred_->second)
                           ? std::nullopt
                           : std::optional{self.now()},
              .time = waiting_as::blocked};

    auto* const single = out_.single();
    budget = std::min(budget, single != nullptr ? single->credit(budget) : out_.room());
    if (budget == 0)
      return without_credit();
    auto deferred = std::exchange(deferred_, std::nullopt);
    if (deferred) // nothing is in flight: the partition can begin anew there
      partition.jump_to(deferred->second);
    intake<Out> in{self.books(), partition_, partition.last_admitted(), budget, single,
                   out_,         deferred_};
    if (deferred)
      in.put(std::move(deferred->first));
    const auto said = in.room() > 0 ? poll(in, self) : source_state::more;
    commit(in, self); // also what was put before a failure
    self.last_put = deferred_ ? deferred_->second : in.last();
    if (!said)
      return failed_with(said.error(), in.items());
    switch (*said) {
    case source_state::more:
      break;
    case source_state::wait:
      return {.what = in.items() > 0 ? slice_result::state::again : slice_result::state::waiting,
              .items = in.items()};
    case source_state::done:
      done_ = true;
      break;
    }
    return {.items = in.items()};
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
    if (in.items() == 0)
      return;
    in.admit_run();
    self.books().admitted(in.items());
    if (auto* single = out_.single(); single != nullptr)
      single->publish(in.items());
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
  const std::uint32_t partition_;
  typename intake<Out>::deferred_item deferred_; // an item far behind the last one
  bool done_ = false;
};

} // namespace weir
