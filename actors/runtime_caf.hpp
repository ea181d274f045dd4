#pragma once

#include <weir/actors/driven.hpp>
#include <weir/actors/runtime_options.hpp>

#include <memory>

/// CAF, as far as a runtime needs it: whoever includes this sees nothing of it.
namespace weir::internal {

/// A scheduler of CAF's, with its threads and timers.
///
/// Owner: any thread may make it, use it and destroy it, whichever of the others live on; also in static storage.
class caf_scheduler {
public:
  /// Throws if there are no threads for it.
  explicit caf_scheduler(const runtime_options& options);
  caf_scheduler(const caf_scheduler&) = delete;
  caf_scheduler& operator=(const caf_scheduler&) = delete;
  /// Waits until all that it drives have finished.
  ~caf_scheduler();

  /// A driver of `who` on its threads.
  std::shared_ptr<driven> drive(actor& who);

private:
  struct system;

  const std::unique_ptr<system> system_;
};

} // namespace weir::internal
