#pragma once

#include <weir/actors/token_bucket.hpp>
#include <weir/dead_letters/held_keys.hpp>
#include <weir/mailbox/partition_table.hpp>
#include <weir/mailbox/require.hpp>
#include <weir/pipeline/plan.hpp>
#include <weir/pipeline/stage_view.hpp>
#include <weir/stages/pipeline_services.hpp>
#include <weir/stages/stage_limits.hpp>
#include <weir/stages/worker.hpp>
#include <weir/stages/worker_observer.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir::internal {
class supervisor_actor;

} // namespace weir::internal

namespace weir {

class dead_letter_queue;

} // namespace weir

namespace weir::internal {

/// "parse", or "parse/1" where the stage has several.
std::string name_of_worker(const graph_stage& stage, std::uint32_t index);

/// A stage that runs: its workers with their mailboxes, and what these share: permits, limits, held keys.
///
/// Owner: the running pipeline. It is made before the first turn; pause, resume, limits and the view are for any thread.
/// Invariants: its workers are numbered one after the other, as the children of their supervisor are.
class running_stage {
public:
  /// It has no workers yet. `of` must outlive it.
  running_stage(const graph_stage& of, time_point now);
  running_stage(const running_stage&) = delete;
  running_stage& operator=(const running_stage&) = delete;

  // --- the start -----------------------------------------------------------------------------------
  /// Of a stage with hold_key: keys that have letters from an earlier life are held from the start. `letters` may be
  /// null. A failure if they can't be read. Does nothing without hold_key.
  result<void> read_held_keys(dead_letter_queue* letters, const std::string& pipeline);

  /// What a stage is made of, beside what the graph says.
  struct parts {
    const plan::stage_parts& typed;
    std::span<const ports> where;                      ///< of each worker
    const std::optional<partition_opening>& begins_at; ///< the partition of a source
  };
  /// Makes its workers, and opens the partition that it begins with, if it does. The first worker has the number `first`.
  /// Throws why it can't.
  void make_workers(const parts& of, std::size_t first, pipeline_services& services,
                    worker_observer& observer);

  // --- the parts -----------------------------------------------------------------------------------
  const graph_stage& described() const noexcept { return described_; }
  std::size_t first() const noexcept { return first_; }
  std::size_t size() const noexcept { return workers_.size(); }
  /// The worker of that number in the stage.
  worker& operator[](std::size_t index) const { return *at(index).runs; }
  /// Its mailbox: a ring for each of its upstream edges; without that of the replay, which has a capacity of its own.
  std::span<const std::shared_ptr<ring_base>> mailbox(std::size_t index) const {
    return at(index).mailbox;
  }
  /// Null without hold_key.
  held_keys* keys() const noexcept { return keys_.get(); }

  // --- while it runs -------------------------------------------------------------------------------
  void pause();
  void resume();
  /// The changes are checked by the caller.
  void set_rate(rate_limit limit, time_point now);
  void set_in_flight_max(std::uint32_t items);
  void set_attempts(std::uint32_t runs);
  void set_timeout(std::chrono::milliseconds time);
  void set_item_time_max(std::chrono::milliseconds time);
  /// What it was built with, and what is in force of that.
  stage_options options() const;

  stage_view view(const supervisor_actor& supervisor) const;

private:
  struct worker_and_mailbox {
    std::unique_ptr<worker> runs;
    std::vector<std::shared_ptr<ring_base>> mailbox;
  };

  const worker_and_mailbox& at(std::size_t index) const {
    require(index < workers_.size(), "running_stage: it has no worker of that number");
    return workers_[index];
  }
  void wake() const;
  worker_view view_of(std::size_t index, const supervisor_actor& supervisor) const;

  const graph_stage& described_;
  token_bucket permits_;
  stage_limits limits_;
  std::unique_ptr<held_keys> keys_; // null without hold_key
  std::size_t first_ = 0;           // number of its first worker
  std::vector<worker_and_mailbox> workers_;
};

} // namespace weir::internal
