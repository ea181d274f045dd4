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
/// keeps retrying, a stage that takes nothing any more, a worker in a call that does not return. It looks at all the
/// pipelines of a node, and names those of trees by their paths.
///
/// Owner: the node's thread.
class trouble_watch {
public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds period{5};

  /// Looks for the first time one period after `now`.
  explicit trouble_watch(time_point now) : looked_{now} {}

  /// Looks at what `view` answers, if it is time again.
  void look(const std::function<node_view()>& view, time_point now, log& to);

private:
  using counts = std::map<std::string, std::uint64_t>; // by path, life and stage

  void look_at(const std::string& path, const life_view& one, counts& runs_failed, log& to) const;

  time_point looked_;
  counts runs_failed_; // when last looked at, of the lives that there were
};

} // namespace weir::internal
