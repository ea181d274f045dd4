#pragma once

#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/partition.hpp>
#include <weir/mailbox/ring.hpp>
#include <weir/stages/outlet.hpp>
#include <weir/stages/partition_id.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace weir::internal {
template <class S>
class source_stepper;
} // namespace weir::internal

namespace weir {

/// Where a source puts what it has read, each item with its position in its partition: a line number, an offset.
template <class T>
class intake {
public:
  /// How many items may still be put in this call. An item behind a wide gap may use up all that is left: ask
  /// again after each.
  std::size_t room() const noexcept { return left_ + later_; }

  /// The same for a partition that the source has opened. Where the partition itself has no room, the source is woken
  /// once it has; one that is closing has none.
  std::size_t room(partition_id which) {
    turn_to(which);
    return std::min<std::uint64_t>(room(), room_in_partition());
  }

  /// How many items there is room for where the next stage has nothing to do.
  std::size_t capacity() const { return spread_->capacity(); }

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
    *from_++ = internal::origin::from_word(next_++);
    --left_;
  }

  /// Puts an item at `position`, which must lie behind the last one. Positions that are left out were empty.
  /// Throws std::logic_error without room, for a position that does not lie behind the last one, and for one beyond
  /// origin::position_max.
  void put(T item, std::uint64_t position) {
    if (room() > 0 && position != (next_ & internal::origin::position_max)) {
      skip_to(position);
      if (!part().reaches(position + room())) {
        // Too far ahead of what is in flight: it waits for that to be settled.
        deferred_->push_back({std::move(item), position, {partition_}});
        take_room(room());
        return;
      }
    }
    put(std::move(item));
  }

  /// The same in a partition that the source has opened. Throws std::logic_error without room there, too.
  void put(T item, std::uint64_t position, partition_id which) {
    turn_to(which);
    if (room() == 0 || room_in_partition() == 0)
      too_many();
    if (position != (next_ & internal::origin::position_max))
      skip_to(position);
    --partition_room_;
    if (!part().reaches(position)) {
      deferred_->push_back({std::move(item), position, which});
      partition_room_ = 0;
      take_room(1);
    } else if (part().settled_before(position)) {
      leave_out();
    } else {
      put(std::move(item));
    }
  }

private:
  template <class>
  friend class internal::source_stepper;

  /// An item that lies too far behind what is in flight in its partition.
  struct deferred_item {
    T item;
    std::uint64_t position;
    partition_id partition;
  };
  using deferred_items = std::vector<deferred_item>;

  static constexpr std::uint32_t no_partition = internal::origin::partitions_max;

  /// `room` items may be put; into `where`, the only ring, or null where `spread` takes the items. It begins in no
  /// partition.
  intake(internal::acknowledgement& books, waker& source, std::size_t room,
         internal::ring<T>* where, internal::outlet<T>& spread, deferred_items& deferred)
      : books_{&books},
        source_{&source},
        deferred_{&deferred},
        spread_{&spread},
        outlet_{where ? nullptr : &spread} {
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
    if (part().settled_before(next_ & internal::origin::position_max)) {
      leave_out();
      return;
    }
    const auto lane = outlet_->lane_of(item);
    outlet_->put(std::move(item), internal::origin::from_word(next_), lane);
    ++next_;
    --left_;
  }
  /// The item at the next position was settled in an earlier life.
  void leave_out() {
    admit_run();
    ++next_;
    part().admit(next_ & internal::origin::position_max, 0);
    take_room(1);
    left_out_ = true;
  }
  void skip_to(std::uint64_t position) {
    if (position
        > internal::origin::position_max - room()) // whatever follows it in this call has one too
      throw std::logic_error{"weir: a source put " + internal::beyond_positions(position)};
    if (position <= last())
      throw std::logic_error{"weir: a source put position " + std::to_string(position)
                             + " after position " + std::to_string(last())};
    admit_run();
    next_ = internal::origin{partition_, position}.word();
  }
  /// So much less may be put in this call.
  void take_room(std::size_t items) {
    begin_ -= items;
    run_ -= items;
    const auto of_later = std::min(items, later_); // the last slots
    later_ -= of_later;
    left_ -= items - of_later;
  }

  internal::partition& part() const { return books_->partition_at(partition_); }
  void turn_to(partition_id which) {
    if (which.index == partition_)
      return;
    admit_run();
    partition_ = which.index;
    next_ = internal::origin{partition_, part().last_admitted()}.word() + 1;
    partition_room_ =
        std::min(part().room(), internal::origin::position_max - part().last_admitted());
    for (const auto& one : *deferred_)
      if (one.partition == which)
        partition_room_ = 0;
  }
  std::uint64_t room_in_partition() {
    if (partition_room_ == 0 && part().now_is() == internal::partition::state::open)
      part().call_when_settled(*source_, 1);
    return partition_room_;
  }
  void admit_run() {
    if (const std::uint64_t items = run_ - room(); items > 0)
      part().admit(last() - items + 1, items);
    run_ = room();
  }
  /// The position of the last item.
  std::uint64_t last() const { return (next_ - 1) & internal::origin::position_max; }
  std::size_t items() const { return begin_ - room(); }

  internal::acknowledgement* books_;
  waker* source_;
  deferred_items* deferred_;
  internal::outlet<T>* spread_;
  internal::outlet<T>* outlet_; // null where the only ring is written to
  std::uint32_t partition_ = no_partition;
  std::uint64_t partition_room_ = 0;
  std::uint64_t next_ = 0; // the word of the next origin
  T* slot_ = nullptr;
  internal::origin* from_ = nullptr;
  T* start_ = nullptr; // where the ring's slots begin again
  internal::origin* start_from_ = nullptr;
  std::size_t left_ = 0;  // items that may still be put here
  std::size_t later_ = 0; // and at the beginning of the ring
  std::size_t begin_;     // what room() was at first
  std::size_t run_;       // and at the last gap
  bool left_out_ = false; // an item, which took room
};

} // namespace weir
