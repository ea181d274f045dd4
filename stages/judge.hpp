#pragma once

#include <weir/actors/actor.hpp>
#include <weir/stages/item_trouble.hpp>
#include <weir/stages/pipeline_services.hpp>
#include <weir/stages/worker_counters.hpp>
#include <weir/supervision/blame.hpp>
#include <weir/supervision/failure.hpp>
#include <weir/supervision/restart.hpp>
#include <weir/supervision/retry.hpp>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace weir::internal {

/// What is to be done about a run that failed.
struct verdict {
  answer what;
  std::uint32_t charge = 0;          ///< of restart and dead_letter_and_restart
  std::chrono::nanoseconds delay{0}; ///< of retry
};

/// Decides about the failed runs of one worker, and knows whether the items or the stage seem to be at fault.
/// Owner: the worker's turns; `last_failure` is for any thread.
class judge {
public:
  judge(pipeline_services& services, const retry_policy& retry, worker_counters& counters)
      : services_{services}, retry_{retry}, counters_{counters} {}

  /// What to do about a run that failed, which began at `began`; counts it. Unless it may run `again`, the item is
  /// dead-lettered in any case.
  verdict decide(const failure& why, item_trouble& trouble, std::uint64_t item_id, time_point began,
                 time_point now, bool again);
  /// Counts a run that failed.
  void count(const failure& why, item_trouble& trouble);
  /// Keeps it as the last failure, without a run to count.
  void remember(const failure& why);

  /// The stage failed with no item in hand. Returns what its restart is charged with.
  std::uint32_t failed_without_item() { return blame_.failed(std::nullopt); }
  /// An item succeeded. Returns true if there is something to forgive.
  bool succeeded() { return blame_.succeeded(); }
  /// Is there a failure since the last success?
  bool suspicious() const { return blame_.suspicious(); }

  std::string last_failure() const;

private:
  void blame_for(const failure& why, std::uint64_t item_id, time_point began, time_point now,
                 bool again, verdict& made);

  pipeline_services& services_;
  const retry_policy& retry_;
  worker_counters& counters_;
  blame blame_;
  time_point blamed_at_{};
  mutable std::mutex lock_; // guards what follows
  std::string last_failure_;
};

} // namespace weir::internal
