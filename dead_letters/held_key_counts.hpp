#pragma once

#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/dead_letters/replay_stage.hpp>

#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace weir::internal {

/// Counts the letters that held keys have in the store: a key whose letters are all gone flows again.
///
/// Owner: the replay actor.
/// Invariants: a key stays to be counted until the store has said how many letters it has. All keys are begun only
/// when no other is left, so that a replay gets on between two rounds.
/// Failure: what the store refuses to count is counted with the next call.
class held_key_counts {
public:
  /// Keys whose letters the store is asked for in one turn: an abort does not wait for all of them.
  static constexpr std::size_t keys_in_a_turn = 64;

  held_key_counts(dead_letter_queue& queue, const std::string& pipeline,
                  const std::vector<replay_stage>& stages)
      : queue_{queue}, pipeline_{pipeline}, stages_{stages} {}

  /// The letters of that key, at that stage, may have become fewer.
  void add(std::size_t stage, const std::string& key) { to_count_.emplace(stage, key); }
  bool some_left() const noexcept { return !to_count_.empty(); }

  /// Somebody may have purged letters of any key: `add_all` is due.
  void want_all() noexcept { all_wanted_ = true; }
  bool all_wanted() const noexcept { return all_wanted_; }
  void add_all();

  /// Nothing flows any more: what was to be counted need not be.
  void forget();

  /// Counts some of them, and those that were counted in vain after all others. The rest is for the next turn.
  result<void> count_some();

  /// Has a stage as many letters of held keys as it may have, so that it waits for some to go?
  bool at_bound() const;

private:
  void add_counted_in_vain();
  result<void> count(const replay_stage& where, const held_keys::key_state& seen);

  dead_letter_queue& queue_;
  const std::string& pipeline_;
  const std::vector<replay_stage>& stages_;
  std::set<std::pair<std::size_t, std::string>> to_count_; // stages and keys
  bool all_wanted_ = false;
};

} // namespace weir::internal
