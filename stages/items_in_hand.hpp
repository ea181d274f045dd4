#pragma once

#include <weir/actors/actor.hpp>
#include <weir/mailbox/origin.hpp>
#include <weir/stages/item_in_hand.hpp>
#include <weir/stages/key_lines.hpp>
#include <weir/supervision/retry.hpp>
#include <weir/supervision/suspect.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir::internal {

class any_runner;
class worker;

/// When to look at the clock next.
struct next_look {
  std::optional<time_point> at;

  void not_after(time_point when) {
    if (when != time_point::max() && (!at || when < *at))
      at = when;
  }
};

/// The items that a stage has in hand, whatever their type is: which are running, which wait to be run again, and
/// for which the time is up.
///
/// Owner: the worker's turns.
/// Invariants: items are in the order in which they were taken, and leave their queue at its front. Of the places in flight each
/// item takes one while it runs or waits to run again; of each key one item at most does. Whatever happens to an item costs the same however many others
/// are in hand, but for the logarithm of those that wait to run again.
class items_in_hand {
public:
  explicit items_in_hand(any_runner& how) : how_{how} {}
  items_in_hand(const items_in_hand&) = delete;
  items_in_hand& operator=(const items_in_hand&) = delete;

  // --- the items -----------------------------------------------------------------------------------

  using queue = std::deque<item_in_hand>;

  bool empty() const { return std::ranges::all_of(queues_, &queue::empty); }
  /// Whether it `is_letter`, which is replayed at this stage.
  item_in_hand& add(item_in_hand one, bool is_letter);
  /// What came from the mailboxes, and what is replayed, each in the order in which it was taken. Neither waits for the
  /// other: what the stage can't take before its letters are fewer holds up no replay.
  std::span<queue> queues() { return queues_; }

  std::size_t running() const { return running_; }
  /// The runs that go on, in the order in which they began: the first one, and from there by `later`.
  item_in_hand* first_running() const { return first_running_; }
  /// Those of them that have a key: which go on, and who stands behind them.
  key_lines& lines() { return lines_; }
  /// Are all places in flight taken?
  bool full(const worker& self) const;

  // --- what becomes of one -------------------------------------------------------------------------

  /// Takes a permit for a run of it. False if there is none, or if it has to wait for the sake of a suspect: see held_back.
  bool may_begin(item_in_hand& one, const std::optional<suspect>& known, worker& self);
  /// Its run, which it has by now, begins. `again`: it had waited for that.
  void begins(item_in_hand& one, bool again, worker& self);
  /// Its run has ended: it takes no time any more. Says so in the run if that was too long.
  void run_ended(item_in_hand& one, worker& self);
  void succeeded(item_in_hand& one, worker& self);
  void waits_to_run_again(item_in_hand& one, time_point until);
  void ended(item_in_hand& one, worker& self);
  /// The same for the one that first_waiting() returned.
  void first_waiting_ended(worker& self);

  // --- the clock -----------------------------------------------------------------------------------

  /// Of the items that wait to run again, the one whose back-off ends first; null if there is none.
  item_in_hand* first_waiting() const { return waiting_.empty() ? nullptr : waiting_.front(); }
  /// Interrupts the runs of a function that was replaced: they are run again, in the order of their items, and are
  /// charged with nothing.
  void interrupt_all(worker& self);
  /// Are some of those not begun again yet?
  bool interrupted() const { return interrupted_ > 0; }
  /// Cancels a run that takes too long, and abandons one that is stuck: then true.
  bool watch(item_in_hand& one, next_look& next, worker& self);

  // --- all of them ---------------------------------------------------------------------------------

  /// The stage was built. After a restart it takes one item at first, and one more for each that succeeds.
  void stage_built();
  /// Was an item held back for the sake of a suspect since this was asked last?
  bool forget_held_back();
  bool held_back() const { return held_back_; }

  void cancel_all(worker& self);
  /// Has every run ended?
  bool quiet() const;
  /// Leaves to itself what has had its time to end. Returns when to look next.
  std::optional<time_point> abandon_late(worker& self);
  void abandon_all(worker& self) noexcept;

private:
  void interrupt(item_in_hand& one, worker& self);
  void cancel(item_in_hand& one, time_point now);
  bool abandon(item_in_hand& one, worker& self);
  void leaves_running(item_in_hand& one);
  void waits_no_more(item_in_hand& one);
  void not_running(item_in_hand& one, worker& self);

  any_runner& how_;
  std::array<queue, 2> queues_;
  key_lines lines_;
  std::size_t running_ = 0;
  item_in_hand* first_running_ = nullptr;
  item_in_hand* last_running_ = nullptr;
  std::vector<item_in_hand*> waiting_; // to run again: a heap, the one that is due first in front
  std::uint64_t waits_ = 0;            // so many there were
  std::size_t interrupted_ = 0;        // of those that wait
  std::uint32_t window_ = unlimited;
  bool built_before_ = false;
  bool held_back_ = false; // for the sake of a suspect
};

} // namespace weir::internal
