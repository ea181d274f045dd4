#pragma once

#include <weir/dead_letters/dead_letter_actor.hpp>
#include <weir/dead_letters/replay_actor.hpp>
#include <weir/pipeline/pipeline.hpp>
#include <weir/pipeline/supervisor_actor.hpp>
#include <weir/supervision/process_death.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir {

/// What a stage has done so far, over all its workers.
struct stage_snapshot {
  std::string stage;
  stage_kind kind = stage_kind::transform;
  std::uint64_t processed = 0;
  std::uint64_t failed = 0;        ///< runs that failed
  std::uint64_t dead_lettered = 0; ///< items that became dead letters
  std::uint64_t restarts = 0;
  double busy = 0;    ///< shares of the workers' time, which add up to 1
  double blocked = 0; ///< by credit, permits, back-off, or the dead-letter store
  double idle = 0;
  std::chrono::nanoseconds latency_p50{0};
  std::chrono::nanoseconds latency_p99{0};
  std::uint64_t backlog = 0;
  std::uint64_t backlog_max = 0; ///< of one worker
  std::uint64_t mailbox_capacity = 0;
  std::string last_failure;       ///< empty if there was none
  std::uint64_t keys_held = 0;    ///< of a stage with hold_key: keys that wait
  std::uint64_t keys_letters = 0; ///< and their dead letters
  std::string waits_for;       ///< what the stage needs to go on, where that is somebody's decision
  std::uint64_t abandoned = 0; ///< runs without progress that were left to themselves
};

/// A run that was abandoned and has not ended. What it holds can't be taken from it; what it says is thrown away.
struct abandoned_snapshot {
  std::string stage;
  std::string worker;
  std::chrono::system_clock::time_point since;
};

struct pipeline_snapshot {
  std::string pipeline;
  ledger_totals ledger;
  std::vector<stage_snapshot> stages;
  std::vector<abandoned_snapshot> abandoned;
  std::size_t dead_letters_waiting = 0;
  bool settled_twice = false; ///< an item was, which is a defect
  std::string
      dead_letters_trouble; ///< what the store refuses, also to a replay; empty while it works
  std::size_t replays_in_flight = 0;
  std::optional<process_death> last_death; ///< of the process before this one; see flight_recorder
};

/// Whom a running pipeline tells. Called from any thread; must not block. What it throws is ignored.
struct pipeline_observer {
  std::function<void(const failure&)> worker_failed = [](const failure&) {};
  /// It failed, its workers have finished, or nothing more is done with its dead letters. After the last call
  /// running_pipeline::wait_until has nothing to wait for; it must not be called in here.
  std::function<void()> ended = [] {};
  /// One that has letters has begun, or finished.
  std::function<void(const replay_run&)> replay = [](const replay_run&) {};
};

/// A pipeline that runs: its rings, its workers, its supervisor and its dead-letter actor.
///
/// Owner: one thread starts, drains, aborts and destroys it; snapshots may be taken from any.
/// Failure: what can't be started says why and nothing runs. A supervisor that escalates aborts the pipeline;
/// what was in flight stays unsettled.
class running_pipeline {
public:
  enum class state {
    running,
    finished, ///< every item ended, to the end of the stream or of the drain
    failed    ///< see why()
  };

  /// What it has in hand is recorded in `recorder`, which must outlive it.
  running_pipeline(pipeline definition, runtime& node, pipeline_observer watcher = {},
                   flight_recorder* recorder = nullptr);
  running_pipeline(const running_pipeline&) = delete;
  running_pipeline& operator=(const running_pipeline&) = delete;
  /// Aborts what still runs, and waits for it; but not for runs that were abandoned.
  ~running_pipeline();

  /// Once. What can't be started says why, and nothing runs then. If there was no thread, or no memory, for one of its
  /// actors, it has failed; else it can be tried again.
  result<void> start();

  /// Stops the sources; what is in flight goes on to its end. Any thread.
  void drain();
  /// Stops everything after the items in hand. Any thread.
  void abort();

  /// Ends a worker as a crash would; its supervisor restarts it. Does nothing to one that isn't running. Any
  /// thread.
  void kill(std::size_t worker);
  /// Workers of all stages, numbered stage by stage.
  std::size_t workers_count() const noexcept { return workers_.size(); }
  /// What they count with, for whoever checks it while it runs: see testkit.
  const acknowledgement& books() const noexcept { return services_.books; }
  /// The mailbox of a worker, a ring for each of its upstream edges.
  std::span<const std::shared_ptr<ring_base>> mailbox(std::size_t worker) const {
    return mailboxes_[worker];
  }

  /// Waits until it is finished or failed and everything has stopped, or until `deadline`.
  std::optional<state> wait_until(time_point deadline);
  state wait();

  /// All workers have had their last turn; only dead letters may still be on their way.
  bool workers_have_finished() const;

  /// After it failed: why; else an empty chain.
  failure why() const;

  /// Puts dead letters of this pipeline in again, each before the stage that failed it. What has been asked for
  /// before is not done twice. A failure if they can't be read, or the pipeline is ending. Any thread.
  result<std::shared_ptr<replay_run>> replay(dead_letter_filter filter = {},
                                             replay_options options = {});
  /// Looks now for what others asked the store for, which it does every replay_settings::look_every. Any thread.
  void look_for_replays();

  /// The dead letters so far by stage and cause, the most frequent first.
  std::vector<dead_letter_count> dead_letter_causes() const;

  pipeline_snapshot snapshot() const;

  const std::string& name() const noexcept { return plan_->graph.name; }

private:
  /// A ring, and the stages and workers that it leads from and to.
  struct wired {
    std::shared_ptr<ring_base> ring;
    std::size_t from, from_worker, to, to_worker;
  };

  result<void> spawn();
  void wire();
  std::vector<partition_start> read_partitions() const;
  std::vector<wired> wire_rings(std::vector<std::vector<ports>>& all) const;
  void make_supervisor();
  void make_workers(std::size_t stage, const std::vector<ports>& where, partition_start begins);
  std::optional<state> wait_for_end(std::optional<time_point> deadline);
  void record();
  void wire_replay(std::vector<std::vector<ports>>& all);
  result<void> read_held_keys();
  void fail(failure why);
  void settle_end(state how, std::optional<failure> why);
  void abort_workers();

  std::shared_ptr<plan> plan_;
  runtime& node_;
  const pipeline_observer watcher_;
  pipeline_services services_;
  std::unique_ptr<dead_letter_actor> dead_letters_;    // null where no stage can fail
  std::unique_ptr<replay_actor> replays_;              // null where the store can't be read
  std::vector<std::unique_ptr<held_keys>> keys_;       // one a stage; null without hold_key
  std::vector<std::unique_ptr<token_bucket>> permits_; // one a stage
  std::vector<std::unique_ptr<worker>> workers_; // stages in their order, each stage's together
  std::vector<std::size_t> first_worker_;        // of each stage
  std::vector<std::vector<std::shared_ptr<ring_base>>> mailboxes_; // of each worker
  std::unique_ptr<supervisor_actor> supervisor_;
  bool started_ = false;

  mutable std::mutex lock_; // guards what follows
  std::condition_variable changed_;
  bool workers_finished_ = false;
  bool stopped_ = false; // every actor has had its last turn
  std::optional<failure> why_;
};

} // namespace weir
