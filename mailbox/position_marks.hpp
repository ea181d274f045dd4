#pragma once

#include <weir/mailbox/position_mark.hpp>

#include <cstdint>
#include <deque>
#include <mutex>
#include <span>

namespace weir::internal {

/// The marks of one partition that may still be asked for: of what is in flight, and a few before that.
///
/// Owner: the source, which adds to them in its turns; whoever makes points looks. Any thread.
/// Invariants: they ascend. There are no more of them than positions in flight and `kept_before`.
class position_marks {
public:
  /// Before anything is put: the mark of the position behind which the partition begins, or an empty one.
  void begin(const position_mark& behind);

  /// Adds the marks of what is put now, and forgets those far below `prefix`, up to which everything is settled.
  void add(std::span<const position_mark> fresh, std::uint64_t prefix);

  /// That of exactly this position; empty if it is not known (any more).
  position_mark at(std::uint64_t position) const;

private:
  /// A point that is just being made may have been begun before the prefix moved on.
  static constexpr std::uint64_t kept_before = 4096;

  mutable std::mutex lock_; // guards what follows
  std::deque<position_mark> marks_;
};

} // namespace weir::internal
