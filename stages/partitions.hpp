#pragma once

#include <weir/mailbox/outcome.hpp>
#include <weir/mailbox/partition_point.hpp>
#include <weir/mailbox/waker.hpp>
#include <weir/stages/partition_id.hpp>
#include <weir/supervision/failure.hpp>
#include <weir/supervision/time_point.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weir::internal {

class partition;
struct pipeline_services;

} // namespace weir::internal

namespace weir {

/// A partition that is closed: what its source has to know of it at the end.
struct closed_partition {
  partition_id id; ///< means nothing any more
  /// What was settled in time. A broker gets its position.
  partition_point settled;
  std::uint64_t returned = 0; ///< items that were given back
  bool fenced = false;        ///< another one has claimed it: it must not be committed
};

/// The partitions of one source, which it opens and closes while it runs: see context::partitions.
///
/// A source with one partition has it open from the start. One that opens them itself says so with
/// `static constexpr bool opens_partitions = true`.
/// Owner: the source, in its turns. They outlive the source's function: one that is made anew finds what is open in
/// `all`.
/// Invariants: what is put into a partition goes on to its end while that is closing. What has not come to an end by
/// the deadline is *returned*: given back, to be delivered again. What still comes of it is late, and changes nothing.
class partitions {
public:
  /// For the source that is woken by `source`.
  partitions(internal::pipeline_services& services, waker& source)
      : services_{services}, source_{source} {}
  partitions(const partitions&) = delete;
  partitions& operator=(const partitions&) = delete;

  /// Opens a partition. Where the pipeline has a position store (pipeline::positions_in), it is claimed there, which may
  /// block; then what the store has settled counts, and `resume_after` only if it knows nothing of the partition. Items
  /// of ranges that are settled beyond that position are taken and left out.
  /// Failure: a name that is open already, too many, or what the store said. The name must not be the one of a
  /// partition of another source.
  result<partition_id> open(std::string name, std::uint64_t resume_after = 0);

  /// Takes nothing more. The partition is closed once all of it is settled, or at `deadline`, when the rest is
  /// returned: see take_closed. Once more, with another deadline, it moves that.
  void close(partition_id which, time_point deadline);

  /// Those that are closed since the last call, also those that another one has claimed.
  std::vector<closed_partition> take_closed();

  /// Those that are open or closing, in the order of their ids.
  std::vector<partition_id> all() const;
  const std::string& name(partition_id which) const;
  /// The name that its dead letters have as their source: where positions mean nothing in another life, with the life.
  const std::string& lasting_name(partition_id which) const;
  bool closing(partition_id which) const;

  /// Up to where everything is settled: what may be committed, and so lost here. After the question, the source is
  /// woken again as wake_when_settled says.
  std::uint64_t settled(partition_id which);
  /// The same, with the ranges settled beyond. O(in flight / 64).
  partition_point point(partition_id which) const;
  /// The last position that was put, or where the partition began.
  std::uint64_t last_position(partition_id which) const;
  std::uint64_t in_flight(partition_id which) const;
  /// How the item of this position ended; nothing while it is in flight. For sources with
  /// `static constexpr bool keeps_outcomes = true`, and positions that are among the last 131,008 ones.
  std::optional<outcome> outcome_of(partition_id which, std::uint64_t position) const;

  /// Gives the source a turn when `count` more positions of one partition are settled since it asked how far that is,
  /// and `within` this time after something was put. Holds from now on. A count of 0: never.
  void wake_when_settled(std::uint64_t count, std::chrono::nanoseconds within);

  /// Is nothing in flight? If not, the source is woken when that may have changed.
  bool at_rest();

  // --- for the loop around the source ----------------------------------------------------------------

  /// One that was opened with the pipeline.
  void add(partition_id which);
  /// Closes what has to be closed by now. In each turn.
  void look(time_point now);
  /// When to look next, if something was put.
  std::optional<time_point> next_look(time_point now, bool put);

private:
  struct opening {
    std::optional<time_point> close_by = {};
    std::uint64_t settled = 0; // as the source was told last
  };

  internal::partition& at(partition_id which) const;
  void finish(partition_id which);
  void store(const partition_point& last);

  internal::pipeline_services& services_;
  waker& source_;
  std::map<partition_id, opening> open_;
  std::vector<partition_id> closing_;
  std::vector<closed_partition> closed_;
  std::uint64_t fences_seen_ = 0;
  std::uint64_t wake_count_ = 0; // positions; 0: not asked for
  std::chrono::nanoseconds wake_within_{0};
  std::optional<time_point> news_at_;
};

} // namespace weir
