#include <weir/node/alive.hpp>
#include <weir/node/heart.hpp>
#include <weir/node/log.hpp>
#include <weir/node/progress.hpp>
#include <weir/supervision/retry.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

namespace weir::internal {

node_settings alive(node_settings settings) {
  settings.drain_timeout =
      std::min<std::chrono::milliseconds>(settings.drain_timeout, duration_max);
  settings.heart_period = std::min<std::chrono::milliseconds>(settings.heart_period, duration_max);
  const auto parent = kept_alive_by();
  if (!settings.heart)
    return settings;
  if (settings.flight_recorder.empty())
    settings.flight_recorder = std::string{::program_invocation_short_name} + ".flight";
  if (parent)
    return settings;
  progress line{std::cerr, {}};
  log into{settings.log_level, settings.log_format, line};
  std::exit(keep_alive({.intensity = settings.heart_intensity,
                        .period = settings.heart_period,
                        .recorder = settings.flight_recorder},
                       into));
}

} // namespace weir::internal
