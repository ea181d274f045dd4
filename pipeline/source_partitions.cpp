#include <weir/mailbox/acknowledgement.hpp>
#include <weir/pipeline/source_partitions.hpp>

#include <map>
#include <stdexcept>
#include <string>

namespace weir {

/// What is settled is known by the name of a partition, so two can't have the same.
std::vector<partition_start> read_partitions(const plan& of) {
  const auto& stages = of.graph.stages;
  std::vector<partition_start> partitions(stages.size());
  std::map<std::string, std::string> stage_of;
  for (std::size_t k = 0; k < stages.size(); ++k) {
    if (stages[k].kind != stage_kind::source)
      continue;
    partitions[k] = of.stages[k].partition();
    const auto& partition = partitions[k].name;
    if (partition == acknowledgement::replay_partition_name)
      throw std::runtime_error{"stage '" + stages[k].name + "': '" + partition
                               + "' is the partition of what is replayed; give it another one"};
    if (const auto [other, is_new] = stage_of.try_emplace(partition, stages[k].name); !is_new)
      throw std::runtime_error{"stages '" + other->second + "' and '" + stages[k].name
                               + "' have the same partition '" + partition + "'"};
  }
  return partitions;
}

} // namespace weir
