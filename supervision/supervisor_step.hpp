#pragma once

#include <weir/supervision/child_key.hpp>

#include <vector>

namespace weir::internal {

/// What a supervisor wants done. Nothing is done here: the actor around it carries the steps out.
struct supervisor_step {
  enum class kind {
    start,
    stop,
    kill,
    abandon,   ///< it was killed and is still not gone: from now on the supervisor does without it
    escalate,  ///< too many restarts, or a first start failed: see supervisor_state::escalated
    shut_down, ///< a significant child has ended: see auto_shutdown
    all_gone   ///< after stop_all or kill_all: no child is left
  };
  kind what;
  child_key child = 0; ///< of all but all_gone
  bool operator==(const supervisor_step&) const = default;
};
using supervisor_steps = std::vector<supervisor_step>;

} // namespace weir::internal
