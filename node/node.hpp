#pragma once

#include <weir/actors/pipeline.hpp>
#include <weir/actors/runtime.hpp>
#include <weir/node/input_progress.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// One running process: it runs pipelines until they are done, or until it is told to stop.
namespace weir {

class configuration;
struct run_report;

/// What every program that runs a node can be told.
struct node_settings {
  std::uint32_t threads = 0; ///< of the scheduler; 0: one a core
  std::chrono::milliseconds drain_timeout{25'000};
  std::string report;              ///< file for the run's report as JSON; empty: none
  std::string log_level = "info";  ///< debug, info, warning or error
  std::string log_format = "text"; ///< text or json: one object a line
  std::string progress = "auto";   ///< auto (on a terminal), always or never
  std::uint32_t replay_rate =
      0; ///< letters a second that others asked for; 0: as each pipeline says
  /// File of the flight recorder; empty: nothing is recorded, unless `heart` asks for it.
  std::string flight_recorder;
  /// A parent process starts the program again when it dies: see heart.hpp. Then there is always a flight
  /// recorder, by default PROGRAM.flight where the program was started.
  bool heart = false;
  std::uint32_t heart_intensity = 5; ///< restarts within heart_period at most
  std::chrono::milliseconds heart_period{30'000};
};

/// Declares these settings as options. For options of your own: configuration.hpp.
void declare(configuration& config, node_settings& settings);

/// How a process ends.
struct exit_codes {
  static constexpr int ok = 0;           ///< drained and balanced
  static constexpr int failed = 1;       ///< failed to start, or aborted by a fatal error
  static constexpr int usage = 2;        ///< usage or configuration
  static constexpr int left_over = 3;    ///< at the deadline, something was left unacknowledged
  static constexpr int not_balanced = 4; ///< the ledger does not balance
};

/// Runs pipelines to their end, with everything a service needs around them.
///
/// SIGINT or SIGTERM drains: the sources stop, what is in flight is finished, within `drain_timeout`; what is
/// left then is aborted and stays unacknowledged. A second signal aborts at once. Both signals stay blocked
/// until the process exits, so that a late one can't change the exit code.
/// When one of several pipelines fails, the others are drained in the same way.
/// Owner: `main`. One at a time in a process, made before other threads: it takes over the signals.
class node {
public:
  /// `input` tells how much of the input was read, where that is known: for progress and ETA.
  ///
  /// With `heart` this returns only in the child: the parent waits here for its child, and exits as that does.
  explicit node(node_settings settings, std::function<std::optional<input_progress>()> input = {});
  node(const node&) = delete;
  node& operator=(const node&) = delete;
  ~node();

  /// Returns the exit code. Logs and progress go to standard error, the report to standard output.
  int run(std::vector<pipeline> pipelines);
  int run(pipeline one);

  /// The last run's report: report.hpp.
  const run_report& report() const;

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// A `main` for a program that has no options of its own. It has the subcommand `dead-letters`, where those are
/// kept in a file: see dead_letters_command.hpp.
int main(int argc, const char* const* argv, pipeline one);

} // namespace weir
