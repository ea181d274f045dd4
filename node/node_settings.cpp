#include <weir/node/configuration.hpp>
#include <weir/node/node_settings.hpp>

namespace weir {

void declare(configuration& config, node_settings& settings) {
  config.option("threads", settings.threads, "Threads of the scheduler; 0: one a core.")
      .range(0, 1024);
  config.option("drain-timeout", settings.drain_timeout,
                "How long SIGINT or SIGTERM waits for what is in flight.");
  config.option("report", settings.report, "File to write the run's report to, as JSON.");
  config.option("log-level", settings.log_level, "The least level that is logged.")
      .one_of({"debug", "info", "warning", "error"});
  config.option("log-format", settings.log_format, "How it is logged.").one_of({"text", "json"});
  config.option("replay-rate", settings.replay_rate,
                "Dead letters a second that are replayed when asked for; 0: as the program says.");
  config.option("flight-recorder", settings.flight_recorder,
                "File that remembers what was in hand, should the process die.");
  config.option("heart", settings.heart, "Runs as a child process that is restarted if it dies.");
  config.option("heart-intensity", settings.heart_intensity,
                "Restarts of the process within --heart-period at most.");
  config.option("heart-period", settings.heart_period, "Time in which its restarts are counted.");
  config.option("progress", settings.progress, "When progress is shown; auto: on a terminal.")
      .one_of({"auto", "always", "never"});
}

} // namespace weir
