#pragma once

#include <weir/mailbox/partition.hpp>
#include <weir/pipeline/plan.hpp>
#include <weir/stages/pipeline_services.hpp>

#include <optional>
#include <string>
#include <vector>

namespace weir::internal {

/// What the sources of a pipeline begin with.
struct source_partitions {
  /// The partition of each source, by the index of its stage; nothing at the other stages, and at sources that open
  /// theirs themselves.
  std::vector<std::optional<partition_opening>> of_stages;
  std::vector<std::string> remarks; ///< what the sources had to say
};

/// Asks the sources, which may throw, and claims the partitions in the position store, if there is one. Throws why two of
/// them can't run beside each other.
source_partitions read_partitions(const plan& of, const pipeline_services& services);

} // namespace weir::internal
