#pragma once

#include <chrono>
#include <optional>
#include <string>

/// How a process ended that should not have, as its parent saw it; or nobody did.
namespace weir::internal {

struct process_death {
  std::chrono::system_clock::time_point at; ///< when it was noticed
  int pid = 0;
  std::optional<int> status; ///< as waitpid gives it; empty: nobody saw it end
  std::string in_hand;       ///< what was in hand, for a reader; empty: nothing that is known
};

/// "killed by SIGSEGV (signal 11)", "ended with exit code 7", "the process died
/// (cause unknown)".
std::string cause_of_death(std::optional<int> status);

} // namespace weir::internal
