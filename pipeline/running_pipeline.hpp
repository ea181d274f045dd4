#pragma once

#include <weir/dead_letters/dead_letter_actor.hpp>
#include <weir/dead_letters/replay_actor.hpp>
#include <weir/pipeline/delivery.hpp>
#include <weir/pipeline/edge_ages.hpp>
#include <weir/pipeline/pipeline.hpp>
#include <weir/pipeline/pipeline_end.hpp>
#include <weir/pipeline/pipeline_observer.hpp>
#include <weir/pipeline/pipeline_snapshot.hpp>
#include <weir/pipeline/position_keeper.hpp>
#include <weir/pipeline/running_stages.hpp>
#include <weir/pipeline/supervisor_actor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// A pipeline that runs: its rings, its workers, its supervisor and its dead-letter actor.
///
/// Owner: one thread starts, drains, aborts and destroys it; it may be looked at and steered from any.
/// Invariants: all its actors run, or none does. It has ended when each of them has had its last turn.
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
  running_pipeline(pipeline definition, runtime& node, internal::pipeline_observer watcher = {},
                   internal::flight_recorder* recorder = nullptr);
  running_pipeline(const running_pipeline&) = delete;
  running_pipeline& operator=(const running_pipeline&) = delete;
  /// Aborts what still runs, and waits for it; but not for runs that were abandoned.
  ~running_pipeline();

  /// Once. What can't be started says why, and nothing runs then. If there was no thread, or no memory, for one of its
  /// actors, it has failed; else it can be tried again.
  result<void> start();

  /// Stops the sources; what is in flight goes on to its end. It lifts every pause. Any thread.
  void drain();
  /// Stops everything after the items in hand. Any thread.
  void abort();

  /// Ends a worker as a crash would; its supervisor restarts it. Does nothing to one that isn't running. Any
  /// thread. `worker` is less than workers_count().
  void kill(std::size_t worker);
  /// Workers of all stages, numbered stage by stage.
  std::size_t workers_count() const noexcept { return stages_.workers_count(); }

  // --- steering: from any thread, once it was started ------------------------------------------------
  // A stage is named. One that there isn't is answered with a failure that names those that there are; what is out of
  // the bounds of stage_options with those that it breaks, and then nothing is changed.

  /// The stage begins no further item, and a source puts none, until it is resumed: what it has in hand goes on to
  /// its end, its retries too, and what came into its mailbox stays there, so that back-pressure does the rest. A
  /// restart keeps the pause. A failure once the pipeline drains: a drain has to end.
  result<void> pause(std::string_view stage);
  /// Lifts a pause; no failure if there is none.
  result<void> resume(std::string_view stage);
  /// From now on this is the stage's rate; one of 0 permits is none. No burst is gained by a change.
  result<void> set_rate(std::string_view stage, rate_limit limit);
  /// Items in hand of each worker: 1 to those that the stage was built with. With fewer than it has in hand, it begins
  /// none before it has less.
  result<void> set_in_flight_max(std::string_view stage, std::uint32_t items);
  /// Runs of one item before it is dead-lettered: retry_policy::attempts.
  result<void> set_retry_attempts(std::string_view stage, std::uint32_t runs);
  /// The time for one run, of those that begin from now on; for what waits.
  result<void> set_timeout(std::string_view stage, std::chrono::milliseconds time);
  /// The time for one item without progress, also of those in hand. It can be neither given to a stage that was built
  /// without one, nor taken from one.
  result<void> set_item_time_max(std::string_view stage, std::chrono::milliseconds time);

  /// What they count with, for whoever checks it while it runs: see testkit.
  const internal::acknowledgement& books() const noexcept { return services_.books; }
  /// The mailbox of a worker, a ring for each of its upstream edges. `worker` is less than workers_count().
  std::span<const std::shared_ptr<internal::ring_base>> mailbox(std::size_t worker) const {
    return stages_.mailbox_of(worker);
  }

  /// Waits until it is finished or failed and everything has stopped, or until `deadline`.
  std::optional<state> wait_until(time_point deadline) { return wait_for_end(deadline); }
  state wait() { return *wait_for_end({}); }

  /// All workers have had their last turn; only dead letters may still be on their way.
  bool workers_have_finished() const { return end_.workers_have_finished(); }

  /// After it failed: why; else an empty chain.
  failure why() const { return end_.why(); }

  /// Puts dead letters of this pipeline in again, each before the stage that failed it. What has been asked for
  /// before is not done twice. A failure if they can't be read, or the pipeline is ending. Any thread.
  result<std::shared_ptr<replay_run>> replay(dead_letter_filter filter = {},
                                             replay_options options = {});
  /// Looks now for what others asked the store for, which it does every replay_settings::look_every. Any thread.
  void look_for_replays();

  /// The dead letters so far by stage and cause, the most frequent first.
  std::vector<dead_letter_count> dead_letter_causes() const;

  /// What can be seen of it. Any thread.
  pipeline_view view() const;
  pipeline_snapshot snapshot() const { return view(); }

  /// How often rows are stored; nothing where no positions are kept.
  std::optional<weir::delivery> delivery() const { return internal::delivery_of(*plan_); }

  /// What the sources had to say when it started, as that a file is another one than before.
  const std::vector<std::string>& remarks() const noexcept { return remarks_; }

  const std::string& name() const noexcept { return plan_->graph.name; }

private:
  // The start.
  result<void> check() const;
  result<void> open_dead_letters();
  result<void> make_actors();
  void wire();
  void make_replays(internal::wiring& wires);
  void make_position_keeper();
  void make_supervisor();
  result<void> spawn();
  void give_back_recorder_slots();

  // While it runs.
  result<internal::running_stage*> find(std::string_view stage);
  template <class Change>
  result<internal::running_stage*> checked(std::string_view stage, Change change);

  // The end.
  void fail(failure why);
  void workers_failed(failure why);
  void workers_finished();
  void abort_workers();
  std::optional<state> wait_for_end(std::optional<time_point> deadline);
  bool wait_for_actors(std::optional<time_point> deadline);
  state how_it_ended() const { return end_.has_failed() ? state::failed : state::finished; }

  std::shared_ptr<internal::plan> plan_;
  std::vector<std::string> remarks_;
  runtime& node_;
  const internal::pipeline_observer watcher_;
  internal::pipeline_services services_;
  std::unique_ptr<internal::dead_letter_actor> dead_letters_; // null where no stage can fail
  std::unique_ptr<internal::replay_actor> replays_;           // null where the store can't be read
  std::unique_ptr<internal::position_keeper> positions_;      // null where no positions are kept
  internal::running_stages stages_;
  std::optional<std::span<internal::flight_slot>>
      recorded_in_; // nothing: they were given back, or never taken
  std::unique_ptr<internal::supervisor_actor> supervisor_;
  mutable internal::edge_ages ages_; // as they were looked at
  bool started_ = false;
  internal::pipeline_end end_;
};

} // namespace weir
