#include <weir/pipeline/pipeline_workers.hpp>

#include <algorithm>

namespace weir {

std::string name_of_worker(const graph_stage& stage, std::uint32_t index) {
  return stage.options.workers == 1 ? stage.name : stage.name + "/" + std::to_string(index);
}

pipeline_workers::pipeline_workers(const plan& of, const wiring& wires,
                                   std::span<const std::optional<partition_opening>> partitions,
                                   const stage_keys& keys, pipeline_services& services,
                                   worker_observer& observer) {
  for (std::size_t k = 0; k < of.graph.stages.size(); ++k)
    add_stage(of, k, wires.ports_of(k), partitions[k], keys[k].get(), services, observer);
  for (const auto& one : wires.wires()) {
    one.ring->set_producer(workers_[first_[one.from] + one.from_worker].get());
    one.ring->set_consumer(workers_[first_[one.to] + one.to_worker].get());
  }
}

void pipeline_workers::add_stage(const plan& of, std::size_t stage, std::span<const ports> where,
                                 const std::optional<partition_opening>& begins, held_keys* keys,
                                 pipeline_services& services, worker_observer& observer) {
  const auto& one = of.graph.stages[stage];
  permits_.push_back(std::make_unique<token_bucket>(one.options.rate, services.node.now()));
  first_.push_back(workers_.size());
  std::uint32_t partition = origin::partitions_max; // none
  if (begins)
    partition = services.books.open_partition(*begins);
  for (std::uint32_t n = 0; n < one.options.workers; ++n) {
    auto* const replays = where[n].replays;
    mailboxes_.push_back(where[n].in);
    if (replays != nullptr)
      mailboxes_.back().pop_back(); // the last one, see wiring
    workers_.push_back(std::make_unique<worker>(
        name_of_worker(one, n), services, observer, workers_.size(), one.name, n, one.options,
        *permits_.back(), of.stages[stage].make(where[n], partition)));
    auto& made = *workers_.back();
    if (one.kind == stage_kind::source)
      made.make_partitions();
    if (begins) {
      made.last_put = begins->from.position;
      made.partitions().add({partition});
      services.books.partition_at(partition).set_source(made);
    }
    made.set_keys(keys);
    if (replays != nullptr)
      replays->set_consumer(&made);
  }
}

std::size_t pipeline_workers::stage_of(std::size_t index) const {
  return static_cast<std::size_t>(std::ranges::upper_bound(first_, index) - first_.begin() - 1);
}

} // namespace weir
