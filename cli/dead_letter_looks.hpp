#pragma once

#include <weir/cli/dead_letter_job.hpp>

namespace weir::internal {

/// Does an action that leaves the letters as they are: list, show, histogram, export, audit. Results go to standard
/// output; returns the exit code.
int look(const dead_letter_action& what, const dead_letter_job& job);

} // namespace weir::internal
