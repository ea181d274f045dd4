#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/outcome.hpp>
#include <weir/mailbox/partition_point.hpp>
#include <weir/mailbox/position_marks.hpp>
#include <weir/mailbox/waker.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir::internal {

/// What is known of a partition when it is opened.
struct partition_opening {
  partition_point from;        ///< its name, and what was settled in earlier lives
  bool keeps_outcomes = false; ///< one byte a position of the window, for partition::outcome_of
  std::uint64_t key = 0;       ///< its flight_key; 0 where nothing is recorded
  waker* source = nullptr;     ///< who reads it
  /// Where positions mean nothing in another life: which one this is. 0: they mean the same in each.
  std::uint64_t life = 0;
  std::shared_ptr<const position_marks> marks = {}; ///< of what its source puts; null: it has none
};

/// One partition: a source, or a part of one, read in the order of its positions. It knows which positions are
/// settled, and so how far the source may commit.
///
/// A bit a position says that it is settled, 64 to a word, in a window of positions that moves with the
/// settled prefix. A run of neighbours is settled by one atomic operation.
///
/// | state   | admits | what is not settled                                                      |
/// |---------|--------|--------------------------------------------------------------------------|
/// | open    | yes    | is in flight                                                             |
/// | closing | no     | is in flight                                                             |
/// | closed  | no     | was given back; what still comes of it is late, and changes nothing      |
///
/// Owner: what changes the state, `admit`, `prefix` and `skip` belong to the source's thread; everything else may be
/// called from any.
/// Invariants: prefix() never passes an admitted position that isn't settled; a position settles once.
class partition {
public:
  enum class state : std::uint8_t { open, closing, closed };

  /// Positions whose state is kept: half of them for what is in flight, the rest for gaps.
  static constexpr std::uint64_t window = std::uint64_t{1} << 18U;
  static constexpr std::uint64_t in_flight_max = window / 2 - 64;

  explicit partition(partition_opening how);
  partition(const partition&) = delete;
  partition& operator=(const partition&) = delete;
  ~partition();

  /// Becomes another partition. Requires `quiet()`, and that nobody looks at it meanwhile.
  void reopen(partition_opening how);

  const std::string& name() const noexcept { return name_; }
  /// Its name, with the life behind it where positions mean nothing in another one: by which letters remember it.
  const std::string& lasting_name() const noexcept { return lasting_name_; }
  std::uint64_t epoch() const noexcept { return epoch_; }
  std::uint64_t key() const noexcept { return key_; }
  waker* source() const noexcept { return source_; }
  /// Before anybody else knows it.
  void set_source(waker& who) noexcept { source_ = &who; }

  // --- admission -----------------------------------------------------------------------------------

  /// How many positions beyond the last admitted one may be admitted now.
  std::uint64_t room() noexcept;

  /// Does the window reach `position`?
  bool reaches(std::uint64_t position) noexcept { return position - prefix() < window - 64; }

  /// Wakes `who` once `more` further positions are settled, and then no more. A second call replaces the first one's
  /// count only by a smaller one. The source's thread.
  void call_when_settled(waker& who, std::uint64_t more) noexcept;
  /// The same when nothing is in flight any more. False if nothing is: then nobody is called.
  bool call_when_at_rest(waker& who) noexcept;
  /// The same for the next one that is settled. False if there is room already, or, for the position of an item that
  /// the window doesn't reach, if nothing is in flight any more: then it need not wait.
  bool call_when_there_is_room(waker& who, std::uint64_t beyond = 0) noexcept;

  /// Begins anew behind a gap of any width: `position` is the next to be admitted. Requires that nothing is in
  /// flight.
  void jump_to(std::uint64_t position) noexcept;

  /// Admits the positions [first, first + count). Gaps behind the last admitted one count as settled: nothing
  /// was there. Requires first > last_admitted(), and that the window reaches the last of them.
  void admit(std::uint64_t first, std::uint64_t count) noexcept;

  /// Was this position settled in an earlier life? To be asked for positions in ascending order.
  bool settled_before(std::uint64_t position) noexcept;
  /// May one still be? Then `settled_before` has to be asked for each position.
  bool any_settled_before() const noexcept { return next_before_ < before_.size(); }

  // --- settlement ----------------------------------------------------------------------------------

  /// The item was copied `more` times: it has as many shares more. Must be called before any of the copies can be
  /// settled.
  void share(std::uint64_t position, std::uint32_t more);

  /// What settling some positions came to.
  struct settled_now {
    std::array<std::uint64_t, outcomes_count> counts{}; ///< settled for good, by outcome
    bool twice = false;     ///< one was settled before, which is a defect of the caller
    std::uint64_t late = 0; ///< had been given back
    bool now_quiet = false; ///< nothing else of what was given back is still to come
  };

  /// Settles one share of each position of `mask` in the 64 positions from `base` (a multiple of 64).
  settled_now settle(std::uint64_t base, std::uint64_t mask, outcome how) noexcept;

  // --- the end -------------------------------------------------------------------------------------

  state now_is() const noexcept { return state_.load(std::memory_order_seq_cst); }
  /// Nothing is admitted any more.
  void begin_close() noexcept;
  /// Whatever is not settled is given back: settled as returned. Requires that it is closing. What still comes of it is
  /// late.
  struct given_back {
    partition_point settled{}; ///< what was not given back
    std::uint64_t returned = 0;
    bool now_quiet = false; ///< nothing of it is still to come
  };
  given_back give_back();
  /// Has it been closed, and has everything come that was on its way then?
  bool quiet() const noexcept {
    return now_is() == state::closed && still_to_come_.load(std::memory_order_acquire) == 0;
  }

  /// Another one has claimed it. Any thread.
  void fence() noexcept { fenced_.store(true, std::memory_order_seq_cst); }
  bool fenced() const noexcept { return fenced_.load(std::memory_order_seq_cst); }

  // --- how far it is settled -------------------------------------------------------------------------

  std::uint64_t last_admitted() const noexcept {
    return last_admitted_.load(std::memory_order_acquire);
  }

  /// The last position up to which everything is settled. The source's thread; moves the window.
  std::uint64_t prefix() noexcept;
  bool at_rest() noexcept { return prefix() == last_admitted(); }

  /// What `prefix` would be if a share of each of the (ascending) positions were settled too. Any thread; the window
  /// stays. A position may be given several times.
  std::uint64_t prefix_with(std::span<const std::uint64_t> positions) const noexcept;

  /// What is settled, with the ranges beyond the prefix. Of a partition that was given back, what it had to say is
  /// not known any more: then the position is 0, without ranges. O(in flight / 64).
  partition_point point() const;

  /// Gives a point of this partition the mark of the last position that it says is settled, where one is known.
  void mark(partition_point& point) const;

  /// How many shares of the position are to be settled yet; 0: it is settled. Of a closed partition: how many are to come
  /// yet, if any is.
  std::uint32_t shares_left(std::uint64_t position) const noexcept;

  /// How the position was settled, if it was; where outcomes are kept. For positions in the window behind the prefix.
  std::optional<outcome> outcome_of(std::uint64_t position) const noexcept;

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
  void begin(partition_opening how);
  void clean(block& where, std::uint64_t base, std::uint64_t settled) noexcept;
  shares& shares_of(block& where);
  /// Settles those of `mask` for good that were not yet, and returns them.
  std::uint64_t settle_for_good(block& where, std::uint64_t base, std::uint64_t mask, outcome how,
                                settled_now& into) noexcept;
  std::uint64_t note_outcomes(std::uint64_t base, std::uint64_t mask, outcome how) noexcept;
  void came_late(std::uint64_t positions, settled_now& into) noexcept;
  void wake_source(std::uint64_t settled) noexcept;

  std::string name_;
  std::string lasting_name_;
  std::uint64_t epoch_ = 0;
  std::uint64_t key_ = 0;
  waker* source_ = nullptr;
  std::shared_ptr<const position_marks> marks_;
  const std::unique_ptr<block[]> blocks_;
  std::unique_ptr<std::atomic<std::uint8_t>[]> outcomes_; // outcome + 1; 0: not settled. Or null
  std::atomic<std::uint64_t> last_admitted_{0};
  std::atomic<std::uint64_t> prefix_{0};
  std::atomic<state> state_{state::open};
  std::atomic<bool> fenced_{false};
  std::atomic<std::int64_t> still_to_come_{0}; // of what was given back
  std::atomic<waker*> waiting_{nullptr};       // the source, when it waits for something settled
  std::atomic<std::int64_t> until_woken_{0};   // positions
  std::vector<std::unique_ptr<shares>> all_shares_; // guarded by shares_lock_
  std::atomic_flag shares_lock_ = ATOMIC_FLAG_INIT;

  // The source's thread.
  std::vector<position_range> before_; // settled in earlier lives
  std::size_t next_before_ = 0;
};

} // namespace weir::internal
