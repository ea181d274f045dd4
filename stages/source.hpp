#pragma once

#include <weir/stages/context.hpp>
#include <weir/stages/intake.hpp>
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
/// Optional: `partition()` names it in positions, `resume_after()` is the position an earlier life had settled,
/// `on_start(context&)`.
template <class S>
concept source_like = requires(S source, intake<typename S::output>& in, context& where) {
  { source.poll(in, where) } -> std::convertible_to<result<source_state>>;
};

} // namespace weir
