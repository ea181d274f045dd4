#include "faults.hpp"
#include "thing.hpp"

#include <algorithm>

namespace simulation {

namespace {

struct kind {
  std::string_view name;
  double probability_max; ///< at each point
};

// What happens once a step must be rarer than what happens once an item.
constexpr std::array<kind, faults_count> kinds{{
    {"stage_throws", 0.2},
    {"stage_throws_a_number", 0.2},
    {"stage_out_of_memory", 0.2},
    {"stage_throws_after_output", 0.2},
    {"stage_poison", 0.3},
    {"stage_transient", 0.5},
    {"stage_fatal", 0.2},
    {"stage_start_fails", 0.3},
    {"stage_start_throws", 0.3},
    {"checkpoint_throws", 0.2},
    {"timer_throws", 0.9},
    {"key_throws", 0.1},
    {"predicate_throws", 0.2},
    {"source_fails", 0.3},
    {"source_throws", 0.2},
    {"source_fails_after_an_item", 0.1},
    {"source_throws_after_an_item", 0.1},
    {"source_waits", 0.5},
    {"wait_fails", 0.3},
    {"wait_throws", 0.2},
    {"wait_is_slow", 0.5},
    {"wait_hangs", 0.2},
    {"wait_ignores_its_end", 0.1},
    {"worker_stuck", 0.1},
    {"worker_is_slow", 0.5},
    {"sink_busy", 0.4},
    {"sink_throws", 0.2},
    {"sink_rejects_a_row", 0.3},
    {"sink_refuses_the_batch", 0.3},
    {"sink_answer_lost", 0.3},
    {"sink_throws_after_storing", 0.2},
    {"sink_is_slow", 0.5},
    {"letters_full", 0.5},
    {"letters_fail", 0.5},
    {"letters_throw", 0.3},
    {"letters_answer_lost", 0.5},
    {"letters_busy", 0.5},
    {"replay_asked", 0.03},
    {"worker_killed", 0.03},
    {"restart_storm", 0.003},
    {"node_crashes", 0.005},
    {"node_crashes_after_a_row", 0.02},
    {"node_crashes_after_a_letter", 0.1},
    {"node_aborts", 0.003},
    {"node_drains", 0.005},
    {"clock_jumps", 0.02},
    {"wall_clock_jumps", 0.02},
    {"sink_names_a_row_twice", 0.7},
    {"letters_are_slow", 0.7},
    {"function_stalls", 0.2},
    {"partition_closes", 0.1},
    {"partition_claimed_elsewhere", 0.02},
    {"positions_fail", 0.5},
    {"positions_answer_lost", 0.5},
    {"stage_paused", 0.03},
    {"late_dropped", 0.1},
    {"late_never", 0.2},
    {"late_zombie", 0.95},
}};

constexpr std::array<std::string_view, events_count> events{
    "item_held_behind_its_key",
    "keys_at_their_bound",
    "batch_shared",
    "item_returned",
    "item_late",
    "batch_fenced",
    "row_left_out",
    "settled_too_late",
};

} // namespace

std::string_view name_of(fault which) { return kinds[static_cast<std::size_t>(which)].name; }

std::string_view name_of(event which) { return events[static_cast<std::size_t>(which)]; }

std::optional<fault> fault_named(std::string_view name) {
  const auto* const found = std::ranges::find(kinds, name, &kind::name);
  if (found == kinds.end())
    return std::nullopt;
  return static_cast<fault>(found - kinds.begin());
}

fault_table::fault_table(std::uint64_t seed, const std::array<bool, faults_count>& without,
                         std::vector<std::string>* trace)
    : trace_{trace} {
  weir::testkit::seeded all{mixed(seed, 0xFA17)};
  const auto share = all.share(); // from a run with hardly any faults to one with all of them
  for (std::size_t k = 0; k < faults_count; ++k) {
    auto& one = points_[k];
    one.chance = weir::testkit::seeded{mixed(seed, 0xFA170000U + k)};
    const bool possible = one.chance.chance(share);
    const auto strength = one.chance.share();
    if (possible && !without[k])
      one.probability = kinds[k].probability_max * strength;
  }
}

} // namespace simulation
