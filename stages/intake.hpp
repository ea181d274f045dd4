#pragma once

#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/ring.hpp>
#include <weir/stages/outlet.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace weir {

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

} // namespace weir
