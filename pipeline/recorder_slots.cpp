#include <weir/mailbox/require.hpp>
#include <weir/pipeline/recorder_slots.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace weir {

namespace {

/// How many items one worker of the stage can have in hand.
std::uint32_t slots_of(const graph_stage& one) {
  if (one.kind == stage_kind::source || (one.kind == stage_kind::batch && !one.closed_by_item))
    return 0;
  return one.waits || one.options.outside_of_slices() ? one.options.in_flight_max : 1;
}

/// Also notes their keys in `services`.
std::vector<std::string> names_of_partitions(const std::string& pipeline,
                                             pipeline_services& services) {
  std::vector<std::string> names;
  names.reserve(services.books.partitions_count());
  for (std::uint32_t k = 0; k < services.books.partitions_count(); ++k) {
    names.push_back(services.books.partition_at(k).name());
    services.partition_keys.push_back(flight_key(pipeline, names.back()));
  }
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

void take_recorder_slots(const graph& of, const pipeline_workers& workers,
                         pipeline_services& services) {
  require(services.recorder != nullptr, "take_recorder_slots: there must be a flight recorder");
  auto& recorder = *services.recorder;
  const auto& books = services.books;
  const auto partitions = names_of_partitions(of.name, services);
  auto slots = add_slots(of, partitions, recorder);
  for (std::size_t k = 0; k < of.stages.size(); ++k) {
    const auto each = slots_of(of.stages[k]);
    if (each == 0)
      continue;
    for (std::uint32_t n = 0; n < of.stages[k].options.workers; ++n) {
      workers[workers.first_of(k) + n].record_in(slots.first(each));
      slots = slots.subspan(each);
    }
    for (std::uint32_t partition = 0; partition < partitions.size(); ++partition)
      if (!books.is_replayed({partition, 0})) // its suspects come as they are replayed
        recorder.suspects().watch(flight_key(of.name, of.stages[k].name),
                                  services.partition_keys[partition],
                                  books.partition_at(partition).last_admitted());
  }
}

} // namespace weir
