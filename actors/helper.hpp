#pragma once

#include <functional>

namespace weir {

/// Somewhere else than in a turn, where one job at a time may block, or never end: a thread of its own.
///
/// Owner: whoever asked the runtime for it, in its turns. Destroying it waits for the job, unless it was given
/// up.
class helper {
public:
  helper() = default;
  helper(const helper&) = delete;
  helper& operator=(const helper&) = delete;
  virtual ~helper() = default;

  /// Runs `job`, which must not throw, soon. The one before it must have done all that it does.
  virtual void run(std::function<void()> job) = 0;
  /// The job that runs may never end: from now on nobody waits for it.
  virtual void abandon() noexcept = 0;
};

} // namespace weir
