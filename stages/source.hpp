#pragma once

#include <weir/stages/context.hpp>
#include <weir/stages/intake.hpp>
#include <weir/stages/partition_beginning.hpp>
#include <weir/supervision/failure.hpp>

#include <concepts>

namespace weir {

/// What a source says after it was polled.
enum class source_state {
  more, ///< there may be more at once
  wait, ///< nothing now: it will wake context::source_waker, or asked for context::wake_at
  done  ///< the end of the stream
};

/// A source: `output`, and `poll(intake<output>&, context&)` returning source_state or result<source_state>.
/// Optional:
/// - `on_start(context&)`;
/// - `partition()` names its partition in positions, `resume_after()` is the position an earlier life had settled;
/// - `positions_last()`: false where a position means nothing in another life, as of a pipe: then it is not stored, and
///   the partition's name has the life behind it, so that nothing is taken for what had the same position before;
/// - `begins(known)`: result<partition_beginning>, in place of `partition` and `resume_after` where positions are kept:
///   which of the partitions that `known` answers it goes on with, and where. For what has to be looked at, as a file;
/// - `marks()`: a std::shared_ptr<position_marks>, made anew for each pipeline, to which it adds what it puts. They are
///   stored with the points;
/// - `on_drain(context&)`, returning void or result<void>: called when the stream has ended or the pipeline drains, and
///   in each turn from then on, the last time when all that it put is settled. So it can commit, or answer;
/// - `static constexpr bool opens_partitions = true`: it has no partition at first, and opens and closes them while it
///   runs, see context::partitions. Then it is polled also where there is no room, so that it can do that;
/// - `static constexpr bool keeps_outcomes = true`: partitions::outcome_of tells how each item ended. It is polled also where
///   there is no room.
template <class S>
concept source_like = requires(S source, intake<typename S::output>& in, context& where) {
  { source.poll(in, where) } -> std::convertible_to<result<source_state>>;
};

} // namespace weir

namespace weir::internal {

template <class S>
inline constexpr bool opens_partitions = [] {
  if constexpr (requires { S::opens_partitions; })
    return bool{S::opens_partitions};
  else
    return false;
}();

template <class S>
inline constexpr bool keeps_outcomes = [] {
  if constexpr (requires { S::keeps_outcomes; })
    return bool{S::keeps_outcomes};
  else
    return false;
}();

} // namespace weir::internal
