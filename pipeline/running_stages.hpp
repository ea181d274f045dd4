#pragma once

#include <weir/pipeline/edge_view.hpp>
#include <weir/pipeline/plan.hpp>
#include <weir/pipeline/running_stage.hpp>
#include <weir/pipeline/wiring.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace weir::internal {

/// The stages of a pipeline that runs, and the rings between their workers.
///
/// Owner: the running pipeline. Empty until it starts, constant from then on, but for what each stage changes in itself.
/// Invariants: workers are numbered stage by stage, as the children of their supervisor are.
class running_stages {
public:
  using stages = std::deque<running_stage>; // none moves

  /// Makes the stages, without their workers; their held keys are read. A failure if these can't be read; then there
  /// are no stages.
  result<void> make(const plan& of, time_point now);
  /// Makes the workers, and connects their rings with them. Throws why it can't.
  void make_workers(const plan& of, const wiring& wires,
                    std::span<const std::optional<partition_opening>> partitions,
                    pipeline_services& services, worker_observer& observer);
  void clear();

  std::size_t size() const noexcept { return stages_.size(); }
  running_stage& operator[](std::size_t stage) { return stages_[stage]; }
  const stages& all() const noexcept { return stages_; }
  stages& all() noexcept { return stages_; }
  /// Null if there is none of that name.
  running_stage* find(std::string_view name);

  std::size_t workers_count() const noexcept { return workers_; }
  /// By its number in the pipeline, which is less than workers_count(). Looks a while, not longer than the
  /// logarithm of the stages.
  worker& worker_at(std::size_t number) const;
  std::span<const std::shared_ptr<ring_base>> mailbox_of(std::size_t number) const;
  const running_stage& stage_of(std::size_t number) const;

  template <class What>
  void for_each_worker(What what) const {
    for (const auto& stage : stages_)
      for (std::size_t n = 0; n < stage.size(); ++n)
        what(stage[n]);
  }

  std::vector<edge_view> edges() const;

private:
  stages stages_;
  std::size_t workers_ = 0;
  std::vector<wiring::wire> wires_;
};

} // namespace weir::internal
