#pragma once

#include <weir/supervision/restart.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

/// `--heart`: a small parent process that starts the program again when it dies.
namespace weir::internal {

class log;

struct heart_options {
  /// More than `intensity` restarts within `period`, and it escalates. Whose fault a death is, and what it is
  /// charged with, is decided as for workers (see blame.hpp), by the one item that was in hand; once that is
  /// dead-lettered and its stage goes on, everything is forgiven.
  std::uint32_t intensity = 5;
  std::chrono::milliseconds period{30'000};
  /// Before each restart; they do not count in `period`.
  backoff delays{.delay_min = std::chrono::milliseconds{100},
                 .delay_max = std::chrono::milliseconds{5000}};
  std::string recorder; ///< the flight recorder's file: there the cause is written down
};

/// Is a process that ended so started again? `status` is as waitpid gives it.
///
/// | ended by                                           | started again |
/// |----------------------------------------------------|---------------|
/// | exit code 0: done                                  | no            |
/// | 1: failed to start, or its supervisor escalated      | yes           |
/// | 2: usage or configuration: it would end so again   | no            |
/// | 3: at a deadline something was left: it was told to stop | no      |
/// | 4: the ledger does not balance: a restart would hide it  | no      |
/// | any other exit code, any signal                    | yes           |
bool is_restarted(int status) noexcept;

/// Becomes the parent: runs this program again, with the same arguments, as its child, until it ends for good,
/// and returns the exit code. SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 are passed on. The child is killed
/// when the parent dies. Where this process has other threads that is refused, with an exit code.
int keep_alive(const heart_options& options, log& into);

/// The process that keeps this one alive, if one does. The first call takes notice of it, and must come before
/// other threads.
std::optional<pid_t> kept_alive_by();

} // namespace weir::internal
