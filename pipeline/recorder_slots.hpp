#pragma once

#include <weir/pipeline/graph.hpp>
#include <weir/pipeline/running_stages.hpp>
#include <weir/stages/pipeline_services.hpp>
#include <weir/supervision/flight_slot.hpp>

#include <span>

namespace weir::internal {

/// Gives every worker that can have an item in hand its slots in the flight recorder of `services`, which is not null,
/// and watches for the suspects of each stage. Once all partitions are in the books. Returns all the slots, which are
/// to be given back. Throws why it can't.
std::span<flight_slot> take_recorder_slots(const graph& of, const running_stages& stages,
                                           pipeline_services& services);

/// The pipeline has ended, and nobody has anything of it in hand: its slots go back to the flight recorder, and its
/// suspects hold up nobody.
void give_back_recorder_slots(std::span<flight_slot> slots, const pipeline_services& services);

} // namespace weir::internal
