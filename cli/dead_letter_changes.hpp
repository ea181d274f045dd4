#pragma once

#include <weir/cli/dead_letter_job.hpp>

namespace weir::internal {

/// Does an action that changes letters or takes them away: edit, replay, cancel, purge. What came of it goes to standard
/// output; returns the exit code.
int change(const dead_letter_action& what, const dead_letter_job& job);

} // namespace weir::internal
