#include <weir/mailbox/require.hpp>
#include <weir/pipeline/recorder_slots.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace weir::internal {

namespace {

/// How many items one worker of the stage can have in hand.
std::uint32_t slots_of(const graph_stage& one) {
  if (one.kind == stage_kind::source || (one.kind == stage_kind::batch && !one.closed_by_item))
    return 0;
  return one.waits || one.options.outside_of_slices() ? one.options.in_flight_max : 1;
}

std::vector<std::string> names_of(const partition_table& partitions) {
  std::vector<std::string> names;
  names.reserve(partitions.size());
  partitions.each([&names](std::uint32_t, const partition& one) { names.push_back(one.name()); });
  return names;
}

std::span<flight_slot> add_slots(const graph& of, std::span<const std::string> partitions,
                                 flight_recorder& recorder) {
  std::vector<flight_recorder::stage_hands> hands;
  hands.reserve(of.stages.size());
  for (const auto& one : of.stages)
    hands.push_back({one.name, slots_of(one) * one.options.workers});
  auto slots = recorder.add(of.name, hands, partitions);
  if (!slots)
    throw std::runtime_error{slots.error().message()};
  return *slots;
}

} // namespace

std::span<flight_slot> take_recorder_slots(const graph& of, const running_stages& stages,
                                           pipeline_services& services) {
  require(services.recorder != nullptr, "take_recorder_slots: there must be a flight recorder");
  auto& recorder = *services.recorder;
  const auto& books = services.books;
  const auto all = add_slots(of, names_of(books.partitions()), recorder);
  auto slots = all;
  for (std::size_t k = 0; k < of.stages.size(); ++k) {
    const auto each = slots_of(of.stages[k]);
    if (each == 0)
      continue;
    const auto& running = stages.all()[k];
    for (std::size_t n = 0; n < running.size(); ++n) {
      running[n].record_in(slots.first(each));
      slots = slots.subspan(each);
    }
    const auto stage = services.stage_keys.emplace_back(flight_key(of.name, of.stages[k].name));
    books.partitions().each([&](std::uint32_t index, const partition& one) {
      if (index != books.replay_partition()) // its suspects come as they are replayed
        recorder.suspects().watch(stage, one.key(), one.last_admitted());
    });
  }
  return all;
}

void give_back_recorder_slots(std::span<flight_slot> slots, const pipeline_services& services) {
  require(services.recorder != nullptr,
          "give_back_recorder_slots: there must be a flight recorder");
  auto& recorder = *services.recorder;
  services.books.partitions().each(
      [&recorder](std::uint32_t, const partition& one) { recorder.suspects().closed(one.key()); });
  recorder.give_back(slots);
}

} // namespace weir::internal
