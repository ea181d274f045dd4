#pragma once

#include <weir/actors/actor.hpp>
#include <weir/mailbox/origin.hpp>
#include <weir/stages/pipeline_services.hpp>
#include <weir/supervision/failure.hpp>
#include <weir/supervision/retry.hpp>
#include <weir/supervision/suspect.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace weir::internal {

/// What one worker has to know and to do about items that may have killed an earlier process.
///
/// While suspects of the flight recorder remain, whoever runs an item enters before and leaves after it; a suspect
/// that killed a process runs alone in the pipeline. What has killed often enough is not run again.
/// Owner: the worker's turns.
/// Invariants: it leaves as often as it entered, at the latest with `over`.
class suspicion {
public:
  /// `who` asks, and is woken where it was refused.
  suspicion(pipeline_services& services, const std::string& stage, const retry_policy& retry,
            waker& who);
  suspicion(const suspicion&) = delete;
  suspicion& operator=(const suspicion&) = delete;
  /// Withdraws.
  ~suspicion();

  /// Are there any? Else nothing of the rest but `withdraw` and `over` is asked for.
  bool remains() const noexcept { return services_.recorder != nullptr && any_recorded(); }

  /// Did an item with this origin kill a process, at this stage or another?
  bool at_any_stage(origin where) const;
  /// What is known of it at this stage.
  std::optional<suspect> at(origin where) const;
  /// Must it be dead-lettered without being run? Then why.
  std::optional<failure> sentence(const suspect& known) const;

  /// Before the run of an item; false: the worker is woken when it may ask again.
  bool enter(bool alone);
  void leave() noexcept;
  /// The worker will not ask again soon: nobody has to wait for it.
  void withdraw() noexcept;
  /// The worker has had its last turn: runs that ended since it was aborted hold up nobody.
  void over() noexcept;

  /// Tells the recorder now and then what is settled, so that its suspects become fewer.
  void forget_settled(time_point now);

private:
  bool any_recorded() const noexcept;

  pipeline_services& services_;
  const retry_policy& retry_;
  waker& who_;
  const std::uint64_t stage_key_;
  std::uint32_t entered_ = 0;
  time_point looked_at_partitions_{};
};

} // namespace weir::internal
