#pragma once

#include <weir/mailbox/waker.hpp>
#include <weir/supervision/suspect.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::internal {

/// A stage, or a partition, of a pipeline in the flight recorder. Never 0.
std::uint64_t flight_key(std::string_view pipeline, std::string_view name) noexcept;

/// The suspects of this life, and the rule that each of them runs alone: while it does, nothing else that
/// is recorded is in hand anywhere in the process, so that one more death says whose fault it is.
///
/// Only suspects that can come again count: see `watch`. Any thread.
class suspects {
public:
  suspects() = default;

  /// Takes what the last life left, before anything runs.
  void set(std::vector<suspect> kept);

  /// This stage reads this partition from now on, and what comes again of it lies behind `resume_after`: what does not
  /// is forgotten. It has to be said before an item of the partition is admitted. What others have begun before is not
  /// held up, so that a suspect may run beside it; then it was not alone, as the next life sees.
  ///
  /// A partition that is opened once more is watched anew: what was settled behind the new position comes again, so it
  /// is suspected again. What was forgotten stays forgotten.
  void watch(std::uint64_t stage, std::uint64_t partition, std::uint64_t resume_after);

  /// The positions of this partition mean something else in this life than in those before: what is known of them is
  /// forgotten, for it can't come again. Before `watch`.
  void begins_anew(std::uint64_t partition);

  /// The partition was closed, and nothing of it is in flight: its suspects can't come any more, and hold up nobody.
  /// The next life has to know of them all the same.
  void closed(std::uint64_t partition);

  /// Is any suspect watched? Costs a relaxed load.
  bool remain() const noexcept { return remaining_.load(std::memory_order_relaxed) > 0; }

  /// What is known of this position at this stage.
  std::optional<suspect> at(std::uint64_t stage, std::uint64_t partition,
                            std::uint64_t position) const;
  /// Did any stage die with this position in hand?
  bool any_at(std::uint64_t partition, std::uint64_t position) const;

  /// One position of a partition without order comes again: it is watched from now until it is `gone`.
  void comes_again(std::uint64_t partition, std::uint64_t position);
  void gone(std::uint64_t partition, std::uint64_t position);

  /// Everything of the partition up to `position` is settled: acquitted, or dead-lettered.
  void settled(std::uint64_t partition, std::uint64_t position);

  /// What the next life has to know of, if nothing was in hand at the end of this one. What was settled has to be
  /// known still, unless all of it is `stored`: else it may come again.
  std::vector<suspect> left(bool stored) const;

  /// Asks to run an item, as has to be done while suspects remain. False: not now, `who` is woken when it may ask
  /// again. Somebody who asked to be alone holds up all others until it is: it asks again, or withdraws.
  bool enter(bool alone, waker& who);
  /// The item was run. Requires that `enter` let it in.
  void leave() noexcept;
  /// `who` will not ask again soon.
  void withdraw(waker& who) noexcept;

private:
  mutable std::mutex lock_; // guards what follows
  std::vector<suspect> kept_;
  std::vector<suspect> watched_;
  // Partition and position, for those that kept_ knows.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> settled_;
  std::uint32_t inside_ = 0;
  bool alone_ = false;           // the one inside
  waker* wants_alone_ = nullptr; // then nobody else may enter
  std::vector<waker*> refused_;

  std::atomic<std::size_t> remaining_{0}; // of watched_
};

} // namespace weir::internal
