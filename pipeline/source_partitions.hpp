#pragma once

#include <weir/mailbox/partition.hpp>
#include <weir/pipeline/plan.hpp>
#include <weir/stages/pipeline_services.hpp>

#include <optional>
#include <vector>

namespace weir::internal {

/// The partition that each source begins with; nothing at the other stages, and at sources that open theirs themselves.
/// Asks the sources, which may throw, and claims the partitions in the position store, if there is one. Throws why two of
/// them can't run beside each other.
std::vector<std::optional<partition_opening>> read_partitions(const plan& of,
                                                              const pipeline_services& services);

} // namespace weir::internal
