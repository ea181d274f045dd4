#pragma once

#include <weir/supervision/child.hpp>
#include <weir/supervision/restart.hpp>
#include <weir/supervision/shutdown.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace weir {

/// What a supervisor has to know of a child: how it is started, and what happens when it ends.
struct child_spec {
  std::string id{};
  start_function start{};
  weir::restart restart = restart::permanent;
  /// Does its end mean something to auto_shutdown? Not of permanent children, which never end for good.
  bool significant = false;
  std::optional<weir::shutdown> shutdown{}; ///< none: shutdown::usual
  child_type type = child_type::worker;
  /// Says how long its stop takes, where that is as long as what is below it takes (see supervisor::as_child) and there
  /// is no `shutdown`; nothing if nobody can say. It is asked when it is to be stopped; must neither block nor ask back.
  std::function<std::optional<std::chrono::milliseconds>()> stop_time{};
};

/// What is wrong with it, a sentence each.
std::vector<std::string> problems(const child_spec& spec, auto_shutdown use_of_significance);

} // namespace weir
