#pragma once

#include <weir/actors/token_bucket.hpp>
#include <weir/mailbox/require.hpp>
#include <weir/pipeline/plan.hpp>
#include <weir/pipeline/stage_keys.hpp>
#include <weir/pipeline/wiring.hpp>
#include <weir/stages/pipeline_services.hpp>
#include <weir/stages/worker.hpp>
#include <weir/stages/worker_observer.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir {

/// "parse", or "parse/1" where the stage has several.
std::string name_of_worker(const graph_stage& stage, std::uint32_t index);

/// The workers of a pipeline, with their mailboxes, and the permits that those of a stage share.
///
/// Owner: the running pipeline. Empty until it starts, constant from then on.
/// Invariants: workers are numbered stage by stage, as the children of their supervisor are.
class pipeline_workers {
public:
  pipeline_workers() = default;
  /// Makes a worker for each of the ports, connects their rings with them, and opens the partition of each stage that
  /// begins with one. Throws why it can't.
  pipeline_workers(const plan& of, const wiring& wires,
                   std::span<const std::optional<partition_opening>> partitions,
                   const stage_keys& keys, pipeline_services& services, worker_observer& observer);

  std::size_t size() const noexcept { return workers_.size(); }
  worker& operator[](std::size_t index) const {
    require(index < size(), "pipeline_workers: there is no worker of that number");
    return *workers_[index];
  }
  std::span<const std::unique_ptr<worker>> all() const noexcept { return workers_; }

  std::size_t stages() const noexcept { return first_.size(); }
  std::size_t stage_of(std::size_t index) const;
  std::size_t first_of(std::size_t stage) const { return first_[stage]; }

  /// A ring for each of its upstream edges; without that of the replay, which has a capacity of its own.
  std::span<const std::shared_ptr<ring_base>> mailbox(std::size_t index) const {
    require(index < size(), "pipeline_workers::mailbox: there is no worker of that number");
    return mailboxes_[index];
  }

private:
  void add_stage(const plan& of, std::size_t stage, std::span<const ports> where,
                 const std::optional<partition_opening>& begins, held_keys* keys,
                 pipeline_services& services, worker_observer& observer);

  std::vector<std::unique_ptr<token_bucket>> permits_; // one a stage
  std::vector<std::unique_ptr<worker>> workers_;
  std::vector<std::size_t> first_;                                 // worker of each stage
  std::vector<std::vector<std::shared_ptr<ring_base>>> mailboxes_; // of each worker
};

} // namespace weir
