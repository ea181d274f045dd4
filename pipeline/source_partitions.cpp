#include <weir/mailbox/acknowledgement.hpp>
#include <weir/pipeline/source_partitions.hpp>
#include <weir/supervision/suspects.hpp>

#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace weir::internal {

namespace {

/// What is settled is known by the name of a partition, so two can't have the same.
void check_names(const graph& of, std::span<const std::optional<partition_opening>> partitions) {
  std::map<std::string, std::string> stage_of;
  for (std::size_t k = 0; k < partitions.size(); ++k) {
    if (!partitions[k])
      continue;
    const auto& partition = partitions[k]->from.partition;
    if (partition == acknowledgement::replay_partition_name)
      throw std::runtime_error{"stage '" + of.stages[k].name + "': '" + partition
                               + "' is the partition of what is replayed; give it another one"};
    if (const auto [other, is_new] = stage_of.try_emplace(partition, of.stages[k].name); !is_new)
      throw std::runtime_error{"stages '" + other->second + "' and '" + of.stages[k].name
                               + "' have the same partition '" + partition + "'"};
  }
}

} // namespace

std::vector<std::optional<partition_opening>> read_partitions(const plan& of,
                                                              const pipeline_services& services) {
  const auto& stages = of.graph.stages;
  std::vector<std::optional<partition_opening>> partitions(stages.size());
  std::vector<partition_opening*> last;
  for (std::size_t k = 0; k < stages.size(); ++k) {
    if (stages[k].kind != stage_kind::source)
      continue;
    const auto begins = of.stages[k].partition();
    if (begins.opened_later)
      continue;
    partitions[k] = {.from = {.partition = begins.name, .position = begins.resume_after},
                     .keeps_outcomes = begins.keeps_outcomes};
    if (services.recorder != nullptr)
      partitions[k]->key = flight_key(services.pipeline, begins.name);
    if (begins.lasts)
      last.push_back(&*partitions[k]);
  }
  check_names(of.graph, partitions);
  if (auto claimed = services.claim(last); !claimed)
    throw std::runtime_error{
        std::move(claimed.error()).within("the partitions can't be claimed").message()};
  return partitions;
}

} // namespace weir::internal
