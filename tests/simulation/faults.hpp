#pragma once

#include <weir/testkit/seeded.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace simulation {

/// Everything that goes wrong in a simulation.
enum class fault : std::uint8_t {
  stage_throws,
  stage_throws_a_number,
  stage_out_of_memory,
  stage_throws_after_output,
  stage_poison,
  stage_transient,
  stage_fatal,
  stage_start_fails,
  stage_start_throws,
  checkpoint_throws,
  timer_throws,
  key_throws,
  predicate_throws,
  source_fails,
  source_throws,
  source_fails_after_an_item,
  source_throws_after_an_item,
  source_waits,
  wait_fails,
  wait_throws,
  wait_is_slow,
  wait_hangs,
  wait_ignores_its_end,
  worker_stuck,
  worker_is_slow,
  sink_busy,
  sink_throws,
  sink_rejects_a_row,
  sink_refuses_the_batch,
  sink_answer_lost,
  sink_throws_after_storing,
  sink_is_slow,
  letters_full,
  letters_fail,
  letters_throw,
  letters_answer_lost,
  letters_busy,
  replay_asked,
  worker_killed,
  restart_storm,
  node_crashes,
  node_crashes_after_a_row,
  node_crashes_after_a_letter,
  node_aborts,
  node_drains,
  clock_jumps,
  wall_clock_jumps,
  sink_names_a_row_twice,
  letters_are_slow,
  function_stalls,
  partition_closes,
  partition_claimed_elsewhere,
  positions_fail,
  positions_answer_lost,
  stage_paused,
  late_dropped,
  late_never,
  late_zombie,
  count_
};

inline constexpr auto faults_count = static_cast<std::size_t>(fault::count_);

/// What must come about often enough as well, though nothing goes wrong by itself in it.
enum class event : std::uint8_t {
  item_held_behind_its_key,
  keys_at_their_bound,
  batch_shared,
  item_returned,
  item_late,
  batch_fenced,
  row_left_out,
  settled_too_late,
  count_
};

inline constexpr auto events_count = static_cast<std::size_t>(event::count_);

std::string_view name_of(event which);
std::string_view name_of(fault which);
std::optional<fault> fault_named(std::string_view name);

/// Decides at each fault point whether it fires. Each has its own chance, so that leaving one out does not
/// change what the others do.
///
/// As FoundationDB and TigerBeetle do, most runs have only some of the faults: a fault that is possible in
/// this run at all fires with a probability that is drawn for the run.
class fault_table {
public:
  fault_table(std::uint64_t seed, const std::array<bool, faults_count>& without,
              std::vector<std::string>* trace = nullptr);

  bool fires(fault which) {
    if (!is_due(which))
      return false;
    fired_now(which);
    return true;
  }
  /// The same for what may turn out to change nothing: then it has not fired, else `fired_now` says so.
  bool is_due(fault which) {
    auto& one = points_[static_cast<std::size_t>(which)];
    return on_ && one.probability > 0 && one.chance.chance(one.probability);
  }
  void fired_now(fault which) {
    ++fired_[static_cast<std::size_t>(which)];
    if (trace_ != nullptr)
      trace_->push_back("    fault: " + std::string{name_of(which)});
  }

  void came_about(event which) { ++came_about_[static_cast<std::size_t>(which)]; }

  /// No fault fires any more: what is broken is repaired.
  void heal() { on_ = false; }
  /// They fire again.
  void relapse() { on_ = true; }
  bool healed() const { return !on_; }

  std::uint64_t fired(fault which) const { return fired_[static_cast<std::size_t>(which)]; }
  const std::array<std::uint64_t, events_count>& came_about() const { return came_about_; }

private:
  struct point {
    weir::testkit::seeded chance{0};
    double probability = 0;
  };
  std::array<point, faults_count> points_;
  std::array<std::uint64_t, faults_count> fired_{};
  std::array<std::uint64_t, events_count> came_about_{};
  std::vector<std::string>* const trace_;
  bool on_ = true;
};

} // namespace simulation
