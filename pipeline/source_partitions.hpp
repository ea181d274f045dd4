#pragma once

#include <weir/pipeline/plan.hpp>

#include <vector>

namespace weir {

/// Where each source begins; empty at the other stages. Asks the sources, which may throw. Throws why two of them can't
/// run beside each other.
std::vector<partition_start> read_partitions(const plan& of);

} // namespace weir
