#pragma once

#include <weir/pipeline/worker_restart.hpp>
#include <weir/stages/worker.hpp>
#include <weir/supervision/supervisor_state.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace weir::internal {

/// The supervisor of a pipeline: takes what the workers report, asks the state machine `supervisor_state` what to do,
/// and does it. It never waits for a worker.
class supervisor_actor final : public actor, public worker_observer {
public:
  /// Called in turns of the supervisor; after a turn that threw, from any thread.
  struct events {
    std::function<void(const failure&)> worker_failed; ///< and is restarted, as far as that goes
    std::function<void(const failure&)> escalated;
    std::function<void()> all_finished;
  };

  supervisor_actor(std::string name, runtime& node, supervision_options options,
                   std::vector<child_spec> children, events report);

  /// Before anything is spawned. As many as there are children, in their order.
  void set_workers(std::vector<worker*> workers) { workers_ = std::move(workers); }

  void worker_failed(std::size_t index, std::uint32_t charge, failure why) override;
  void worker_stopped(std::size_t index) override;
  void worker_recovered(std::size_t index) override;
  void worker_finished(std::size_t index, std::optional<failure> crash) override;

  /// From now on nothing is restarted. Any thread.
  void abort();
  /// So many workers will have no turn: they count as finished. Once it is spawned itself.
  void never_spawned(std::size_t workers);

  std::uint64_t restarts(std::size_t index) const;
  /// The last of them, the oldest first.
  std::vector<worker_restart> last_restarts(std::size_t index) const;

  activity turn() override;
  void crashed(failure why) noexcept override;

private:
  struct happening {
    enum class kind { failed, stopped, recovered, finished };
    kind what;
    std::size_t child;
    std::uint32_t charge = 0;
    std::optional<failure> why;
  };

  /// What is remembered of a child.
  struct history {
    std::string failed_by; ///< since it was started last; empty: it has not failed
    std::deque<worker_restart> restarts;
  };

  void report(happening one);
  void remember(const std::vector<supervisor_step>& steps);
  void carry_out(const std::vector<supervisor_step>& steps);

  runtime& node_;
  const events report_;
  std::vector<worker*> workers_;

  mutable std::mutex lock_; // guards what follows
  std::vector<happening> happened_;
  std::size_t finished_ = 0;
  bool aborted_ = false;
  bool crashed_ = false;     // there are no turns any more: workers that finish are only counted
  supervisor_state decides_; // changed in turns only
  std::map<std::size_t, history> history_;
  std::string failed_last_; // which child, and by what
};

} // namespace weir::internal
