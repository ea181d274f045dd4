#pragma once

#include <weir/supervision/process_death.hpp>

#include <string>
#include <vector>

namespace weir::internal {

/// What the last life of a program left behind, for a reader.
struct past_life {
  std::vector<process_death> deaths; ///< since the last end that left no suspects, the oldest first
  bool died = false;                 ///< the last one ended in the last of `deaths`
  std::vector<std::string> remarks;  ///< what had to be left out, for the log
};

} // namespace weir::internal
