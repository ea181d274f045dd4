#pragma once

#include <weir/node/log.hpp>
#include <weir/pipeline/running_pipeline.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

namespace weir {

/// Looks now and then for trouble that nobody tells of, and logs it: a store that refuses dead letters, a stage that
/// keeps retrying, a stage that takes nothing any more, a worker in a call that does not return.
///
/// Owner: the node's thread.
class trouble_watch {
public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds period{5};

  /// Looks for the first time one period after `now`.
  explicit trouble_watch(time_point now) : looked_{now} {}

  /// Looks, if it is time again.
  void look(std::span<const std::unique_ptr<running_pipeline>> at, time_point now, log& to);

private:
  void look_at(const running_pipeline& one, log& to);

  time_point looked_;
  std::map<std::string, std::uint64_t> runs_failed_; // by pipeline and stage, when last looked at
};

} // namespace weir
