#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/outcome.hpp>
#include <weir/mailbox/waker.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weir {

/// One partition: a source, or a part of one, read in the order of its positions. It knows which positions are
/// settled, and so how far the source may commit.
///
/// A bit a position says that it is settled, 64 to a word, in a window of positions that moves with the
/// settled prefix. A run of neighbours is settled by one atomic operation.
/// Owner: `admit` and `prefix` belong to the source's thread; everything else may be called from any.
/// Invariants: prefix() never passes an admitted position that isn't settled; a position settles once.
class partition {
public:
  /// Positions whose state is kept: half of them for what is in flight, the rest for gaps.
  static constexpr std::uint64_t window = std::uint64_t{1} << 18U;
  static constexpr std::uint64_t in_flight_max = window / 2 - 64;

  /// `resume_after` is the position up to which everything was settled in an earlier life: 0 at the start.
  partition(std::string name, std::uint64_t resume_after);
  partition(const partition&) = delete;
  partition& operator=(const partition&) = delete;
  ~partition();

  const std::string& name() const noexcept { return name_; }

  /// How many positions beyond the last admitted one may be admitted now.
  std::uint64_t room() noexcept;

  /// Does the window reach `position`?
  bool reaches(std::uint64_t position) noexcept { return position - prefix() < window - 64; }

  /// Wakes `who` once something more is settled; false if there is already room, or, for the position of an item
  /// that the window doesn't reach, if nothing is in flight any more. The source's thread.
  bool call_when_settled(waker& who, std::uint64_t beyond = 0) noexcept;

  /// Begins anew behind a gap of any width: `position` is the next to be admitted. Requires that nothing is in
  /// flight.
  void jump_to(std::uint64_t position) noexcept;

  /// Admits the positions [first, first + count). Gaps behind the last admitted one count as settled: nothing
  /// was there. Requires first > last_admitted(), and that the window reaches the last of them.
  void admit(std::uint64_t first, std::uint64_t count) noexcept;

  /// The item was copied `more` times: it has as many shares more. Must be called before any of the copies can be
  /// settled.
  void share(std::uint64_t position, std::uint32_t more);

  /// What `settle` settled for good, by outcome.
  using settled_counts = std::array<std::uint64_t, 4>;

  /// Settles one share of each position of `mask` in the 64 positions from `base` (a multiple of 64). Adds
  /// the positions of which that was the last share to `counts`. Returns false if one was settled before,
  /// which is a defect of the caller.
  bool settle(std::uint64_t base, std::uint64_t mask, outcome how, settled_counts& counts) noexcept;

  std::uint64_t last_admitted() const noexcept {
    return last_admitted_.load(std::memory_order_acquire);
  }

  /// The last position up to which everything is settled. The source's thread; moves the window.
  std::uint64_t prefix() noexcept;

  /// What `prefix` would be if a share of each of the (ascending) positions were settled too. Any thread; the window
  /// stays. A position may be given several times.
  std::uint64_t prefix_with(std::span<const std::uint64_t> positions) const noexcept;

  /// Admitted positions that are not settled, counted from the bits. Exact when the partition is at rest.
  std::uint64_t in_flight() const noexcept;

private:
  struct shares; // of items that were copied; most partitions never have any
  struct block {
    std::atomic<std::uint64_t> settled{0};
    std::atomic<shares*> copies{nullptr};
  };

  static constexpr std::uint64_t blocks_count = window / 64;

  block& block_of(std::uint64_t position) const noexcept {
    return blocks_[(position / 64) % blocks_count];
  }
  bool is_settled(std::uint64_t position) const noexcept {
    return (block_of(position).settled.load(std::memory_order_acquire) >> (position % 64) & 1U)
           != 0;
  }
  shares& shares_of(block& where);
  std::int64_t shares_left(std::uint64_t position) const noexcept; // of one that isn't settled
  void wake_source() noexcept;

  const std::string name_;
  const std::unique_ptr<block[]> blocks_;
  std::atomic<std::uint64_t> last_admitted_;
  std::atomic<std::uint64_t> prefix_;
  std::atomic<waker*> waiting_{nullptr};            // the source, when it has no room
  std::vector<std::unique_ptr<shares>> all_shares_; // guarded by shares_lock_
  std::atomic_flag shares_lock_ = ATOMIC_FLAG_INIT;
};

} // namespace weir
