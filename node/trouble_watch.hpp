#pragma once

#include <weir/node/log.hpp>
#include <weir/node/node_view.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace weir::internal {

/// Looks now and then for trouble that nobody tells of, and logs it: a store that refuses dead letters, a stage that
/// keeps retrying, a worker that waits for more than a minute before it tries again, a stage that takes nothing any more,
/// a worker in a call that does not return. It looks at all the pipelines of a node, and names those of trees by their
/// paths.
///
/// Owner: the node's thread.
class trouble_watch {
public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds period{5};
  static constexpr std::chrono::minutes long_pause{1};

  /// Looks for the first time one period after `now`.
  explicit trouble_watch(time_point now) : looked_{now} {}

  /// Looks at what `view` answers, if it is time again.
  void look(const std::function<node_view()>& view, time_point now, log& to);

private:
  struct seen {
    std::map<std::string, std::uint64_t> runs_failed; // by path, life and stage
    std::map<std::string, time_point> long_pauses;    // since when; by path, life and worker
  };

  void look_at(const std::string& path, const life_view& one, seen& now, log& to) const;

  time_point looked_;
  seen before_; // at the last look, of the lives that there were
};

} // namespace weir::internal
