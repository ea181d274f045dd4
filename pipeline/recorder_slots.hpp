#pragma once

#include <weir/pipeline/graph.hpp>
#include <weir/pipeline/running_stages.hpp>
#include <weir/stages/pipeline_services.hpp>

namespace weir {

/// Gives every worker that can have an item in hand its slots in the flight recorder of `services`, which is not null,
/// and watches for the suspects of each stage. Once all partitions are in the books. Throws why it can't.
void take_recorder_slots(const graph& of, const running_stages& stages,
                         pipeline_services& services);

} // namespace weir
