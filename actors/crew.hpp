#pragma once

#include <memory>
#include <vector>

namespace weir::internal {

/// What a crew carries out. It may block, or never end.
class crew_job {
public:
  virtual ~crew_job() = default;
  virtual void carry_out() noexcept = 0;
};

/// Threads beside those of the scheduler, each of which has one job at a time.
///
/// Owner: whoever asked the runtime for it, in its turns. Destroying it waits for the jobs, but for those that were
/// given up.
/// Invariants: there are no more threads than jobs were there at once, and never more than `threads_max`. While a thread
/// is free no job waits behind another one, but for a few milliseconds where jobs were quick so far.
class crew {
public:
  crew() = default;
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;
  virtual ~crew() = default;

  /// Carries out `jobs` soon, and keeps them until then. With those that go on they must not be more than
  /// `threads_max`. Takes them out of the vector; throws if that needs a thread and there is none to be had: then those
  /// that are left in it are not carried out.
  virtual void run(std::vector<std::shared_ptr<crew_job>>& jobs) = 0;
  /// The job may never end: from now on nobody waits for it.
  virtual void abandon(crew_job& job) noexcept = 0;
};

} // namespace weir::internal
