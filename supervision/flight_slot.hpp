#pragma once

#include <weir/mailbox/origin.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::internal {

struct flight_slot_bytes;

/// One thing that can have an item in hand, in the recorder's file: what it holds survives the process.
///
/// Owner: who works with the items; the next life reads it from the file.
class alignas(128) flight_slot {
public:
  static constexpr std::size_t ranges_max = 6;
  struct range { // of words of origins in one partition
    std::uint64_t first;
    std::uint64_t last;
  };

  /// The items of a batch, in as few ranges as a slot has places for. Neither empty origins nor groups are kept; what
  /// needs more ranges than there are is covered by wider ones. A range has one partition: of a batch of more
  /// partitions than ranges, some are left out, and the next life is told so.
  class ranges {
  public:
    void add(origin where) noexcept;

  private:
    friend class flight_slot;
    void bridge() noexcept;

    std::array<range, ranges_max + 1> found_; // ascending
    std::size_t count_ = 0;
    std::uint64_t left_out_ = 0;
  };

  /// An item is about to be run. What is done to it can't overtake this store: a signal that it raises finds it.
  void take(std::uint64_t origin_word) noexcept {
    in_hand_.store(origin_word, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  /// A batch is about to be run, as one item is.
  void take(const ranges& batch) noexcept;
  void take(std::span<const origin> batch) noexcept {
    ranges all;
    for (const auto where : batch)
      all.add(where);
    take(all);
  }
  void empty() noexcept { take(0); }

  /// The item has failed so often, and will be run again. 0: forget it.
  void failed(std::uint64_t origin_word, std::uint32_t runs) noexcept {
    failures_.store(runs, std::memory_order_relaxed);
    failed_.store(runs > 0 ? origin_word : 0, std::memory_order_relaxed);
  }

private:
  friend struct flight_slot_bytes; // how the next life reads it

  // A batch is kept as this bit, the number of its ranges and, from `left_out_shift` on, that of items in none of them.
  static constexpr std::uint64_t batch_bit = std::uint64_t{1} << 63U;
  static constexpr unsigned left_out_shift = 16;
  static constexpr std::uint64_t left_out_max = 0xFFFF'FFFFU;

  std::atomic<std::uint64_t> in_hand_;
  std::atomic<std::uint64_t> failed_;
  std::atomic<std::uint32_t> failures_;
  std::uint32_t reserved_;
  std::array<range, ranges_max> ranges_;
};
static_assert(sizeof(flight_slot) == 128);

} // namespace weir::internal
