#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir::internal {

/// What the parent of a process that died finds in its flight recorder.
struct autopsy {
  std::optional<std::uint64_t> culprit; ///< the one item in hand, by a number of its own
  bool recovered = false;               ///< flight_recorder::recovered was called in that life
};

/// Writes down how the process that made the file at `path` has ended, for the next one, and says what it died of.
/// Nothing if the file is not that process's. `status` is as waitpid gives it.
std::optional<autopsy> examine_recorder(const std::string& path, int pid, int status);

} // namespace weir::internal
