#pragma once

#include <weir/dead_letters/held_keys.hpp>
#include <weir/pipeline/plan.hpp>
#include <weir/supervision/failure.hpp>

#include <memory>
#include <vector>

namespace weir {

/// The held keys of each stage of a pipeline; null at a stage without hold_key.
using stage_keys = std::vector<std::unique_ptr<held_keys>>;

/// Reads them from the store: keys that have letters from an earlier life are held from the start. A failure if the
/// store can't be read.
result<stage_keys> read_stage_keys(const plan& of);

} // namespace weir
