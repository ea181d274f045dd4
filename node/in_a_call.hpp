#pragma once

#include <weir/actors/clock.hpp>
#include <weir/pipeline/worker_view.hpp>

#include <optional>

namespace weir::internal {

/// For how long the worker has been in one turn, if it is in one. If that is long, it is in a call that does not return.
inline std::optional<clock::duration> in_a_call_for(const worker_view& one, time_point now) {
  if (one.state != worker::state::running || one.does != waiting_as::busy)
    return std::nullopt;
  return now - one.since;
}

} // namespace weir::internal
