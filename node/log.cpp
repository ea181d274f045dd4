#include <weir/node/log.hpp>

#include <nlohmann/json.hpp>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace weir::internal {

namespace {

std::string as_json(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

spdlog::level::level_enum spdlog_level(log::level how) {
  switch (how) {
  case log::level::debug:
    return spdlog::level::debug;
  case log::level::info:
    return spdlog::level::info;
  case log::level::warning:
    return spdlog::level::warn;
  case log::level::error:
    return spdlog::level::err;
  }
  return spdlog::level::info;
}

} // namespace

log::log(std::string_view least, std::string_view format, progress& shown)
    : logger_{std::make_shared<spdlog::logger>("weir",
                                               std::make_shared<spdlog::sinks::stderr_sink_st>())},
      json_{format == "json"},
      shown_{shown} {
  logger_->set_pattern(json_ ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                             : "%H:%M:%S.%e %l %v",
                       json_ ? spdlog::pattern_time_type::utc : spdlog::pattern_time_type::local);
  logger_->set_level(spdlog::level::from_str(std::string{least}));
}

log::~log() = default;

void log::write(level how, std::string_view what, fields with) {
  if (!logger_->should_log(spdlog_level(how)))
    return;
  shown_.erase();
  logger_->log(spdlog_level(how), "{}", log_line(what, with, json_));
}

std::string log_line(std::string_view what, log::fields with, bool json) {
  std::string line = json ? "\"event\":" + as_json(what) : std::string{what};
  for (const auto& [key, value] : with) {
    const bool plain =
        !json && !value.empty() && value.find_first_of(" \"=\\\n\r\t") == std::string::npos;
    line += json ? "," + as_json(key) + ":" : " " + std::string{key} + "=";
    line += plain ? value : as_json(value);
  }
  return line;
}

} // namespace weir::internal
