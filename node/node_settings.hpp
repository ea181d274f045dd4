#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace weir {

class configuration;

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

} // namespace weir
