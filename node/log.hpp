#pragma once

#include <weir/node/progress.hpp>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace spdlog {
class logger;
}

namespace weir::internal {

/// The structured log of a node, on standard error: a level, a sentence, and fields.
///
/// As text: `12:00:01.250 warning worker failed pipeline=events why="…"`; as JSON: one object a line.
/// Takes the progress line off the terminal before it writes. Owner: the node's thread.
class log {
public:
  enum class level { debug, info, warning, error };
  using fields = std::initializer_list<std::pair<std::string_view, std::string>>;

  /// `least` is a level's name; `format` is "text" or "json".
  log(std::string_view least, std::string_view format, progress& shown);
  ~log();

  void write(level how, std::string_view what, fields with = {});

private:
  std::shared_ptr<spdlog::logger> logger_;
  const bool json_;
  progress& shown_;
};

/// One line of the log, without time and level, as text or as the inside of a JSON object.
std::string log_line(std::string_view what, log::fields with, bool json);

} // namespace weir::internal
