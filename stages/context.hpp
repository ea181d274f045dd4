#pragma once

#include <weir/actors/actor.hpp>
#include <weir/mailbox/partition_point.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace weir::internal {

class item_run;
struct run_place;

} // namespace weir::internal

namespace weir {

class partitions;
class position_store;
class runtime;

} // namespace weir

namespace weir::internal {

/// What a context asks a worker for in one of its turns.
class turn_of_worker {
public:
  virtual time_point now() const noexcept = 0;
  virtual void wake_at(time_point when) noexcept = 0;
  virtual std::uint64_t last_position() const noexcept = 0;
  virtual void wake_when_credit(std::size_t items) noexcept = 0;
  virtual weir::partitions& partitions() = 0;
  virtual std::vector<partition_point> points(std::span<const std::size_t> rejected) const = 0;

protected:
  ~turn_of_worker() = default;
};

} // namespace weir::internal

namespace weir {

/// What a stage, source or sink can ask of the pipeline that runs it. Valid as long as the worker lives; to be
/// used from its calls only, except where said.
class context {
public:
  /// For the turns of one worker.
  context(const internal::run_place& place, internal::turn_of_worker& turn)
      : place_{place}, turn_{&turn} {}
  /// For one run on another thread.
  explicit context(internal::item_run& run);

  const std::string& pipeline() const;
  const std::string& stage() const;
  /// Which of the stage's workers this is, from 0.
  std::uint32_t worker_index() const;
  /// The node's clock, read once a slice; on a thread of its own, once a run.
  time_point now() const;
  /// Not from a run that was abandoned (see progress).
  runtime& node() const;

  /// Says that the item in hand goes on, where the stage has an item_time_max: that time begins anew. False: the
  /// run was abandoned or should end soon, nobody waits for its answer.
  bool progress() const;

  /// What is waited for as long as this lives does not count as time for the item.
  class protected_wait {
  public:
    explicit protected_wait(internal::item_run* run);
    protected_wait(const protected_wait&) = delete;
    protected_wait& operator=(const protected_wait&) = delete;
    ~protected_wait();

  private:
    internal::item_run* const run_; // null where the time doesn't count anyway
  };
  /// Around a wait for something outside: `auto waiting = where.waiting();`
  [[nodiscard]] protected_wait waiting() const { return protected_wait{run_}; }

  /// For a source that answered source_state::wait, or a sink without demand: gives it a turn. Any thread, until
  /// the pipeline ended. Not from a run that was abandoned.
  waker& source_waker() const;
  /// Gives the worker a turn not later than this.
  void wake_at(time_point when) const;
  /// Signalled when the pipeline drains or aborts, and when the run in which it was asked for is abandoned: what
  /// blocks should stop blocking.
  std::stop_token stopping() const;

  /// For a source: the last position it put, or where its partition started. A source that is started anew goes on
  /// behind it.
  std::uint64_t last_position() const;

  /// For a source, in its turns: its partitions.
  weir::partitions& partitions() const;
  /// For a source that answers source_state::wait, in its turns: it has a turn once so many items find room at once; or as
  /// many as there is room for at most (intake::capacity). Asked for anew each time.
  void wake_when_credit(std::size_t items) const;

  /// For a sink: how far the partitions of the batch in hand are settled once all of it is stored but the rows with these
  /// indices, which are ascending. To be stored in the same transaction. Empty while a copy of the batch is on its way
  /// elsewhere, and without a batch.
  std::vector<partition_point> points(std::span<const std::size_t> rejected = {}) const;
  /// Where the pipeline keeps its points: see pipeline::positions_in. Null if it doesn't.
  const position_store* positions() const;

private:
  const internal::run_place& place_;
  internal::turn_of_worker* const turn_ = nullptr; // null outside of turns
  internal::item_run* const run_ = nullptr;        // null in turns
};

} // namespace weir
