#pragma once

#include "faults.hpp"
#include "key_watch.hpp"
#include "late_calls.hpp"
#include "scenario.hpp"
#include "stage_watch.hpp"
#include "thing.hpp"

#include <weir/dead_letters/dead_letter_memory.hpp>
#include <weir/mailbox/ledger.hpp>
#include <weir/mailbox/partition_point.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/partitions.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace simulation {

/// What outlives a node: rows, dead letters, the position the sources go on from. And the oracle, which knows
/// what must come out and looks at everything that does.
class world {
public:
  world(const scenario& of, fault_table& faults, std::vector<std::string>* trace);

  const scenario& drawn;
  fault_table& faults;

  weir::dead_letters::memory letters{100'000};
  stage_watch watch{drawn, *this};
  key_watch keys{drawn, *this};
  late_calls late{drawn, *this};

  // --- a life of the node ----------------------------------------------------------------------------

  void begin_life();
  /// From now on nothing that this life does lasts.
  void fence() { fenced_ = true; }
  bool fenced() const { return fenced_; }
  /// How the life ended: after a clean end nothing may be delivered again.
  void end_life(bool clean);
  std::uint32_t life() const { return life_; }
  /// The node is to crash before anything else happens.
  bool crash_asked = false;

  // --- the positions, which outlive a node ------------------------------------------------------------

  /// A node claims the partition: what it goes on behind, and left to it only.
  weir::partition_point claim(std::size_t source);
  /// Where this life's claim began.
  const weir::partition_point& claimed(std::size_t source) const { return claimed_[source]; }
  /// Another node claims it, stores the next item there, and goes away.
  void claimed_elsewhere(std::size_t source);
  /// Those of the points that another one has claimed since.
  std::vector<std::string> fenced_by(std::span<const weir::partition_point> points) const;
  /// Was the partition closed in this life? Then some of its items may be there twice.
  bool was_reopened(std::size_t source) const { return came_again_.contains(source); }
  bool any_reopened() const { return !came_again_.empty() || rows_left_out_; }
  void rows_left_out() { rows_left_out_ = true; }

  /// When the next life begins.
  weir::clock::time_point time{};

  // --- what the ports tell ---------------------------------------------------------------------------

  /// A source put the item. It is admitted, unless it was settled before.
  void put(std::uint32_t id);
  void partition_closed(const weir::closed_partition& one);
  /// The partition was closed, and its source has ended without having been told: a later life reads again what was given
  /// back.
  void closed_untold(std::size_t source) { came_again_ever_.insert(source); }
  /// What a stage has to say when its stream ends: from now on it must come out too, in this life.
  thing last_word(std::size_t segment, std::uint32_t worker);
  /// What a stage has to say on its timer, and that it has been kept: then it must come out too, in this life.
  thing word(std::size_t segment);
  void said(const thing& one);
  /// The function that runs takes a while.
  void stall(std::uint64_t salt);
  std::function<void(weir::clock::duration)> pass_time; // set by each life
  /// The call that was made takes a while, in which others have their turns.
  void others_go_on_if(fault slow);
  std::function<void()> others_go_on; // set by each life
  /// Has time passed only while nothing else could happen?
  bool time_is_smooth() const {
    return faults.fired(fault::clock_jumps) + faults.fired(fault::function_stalls) == 0;
  }
  /// A thing came to the sink, in this order. Not yet stored.
  void arrived(const thing& one);
  /// Rows and positions are stored in one transaction. Positions belong to this and earlier rows.
  void stored(std::span<const thing> rows, std::span<const weir::partition_point> positions);
  /// Whether they were stored, their sender doesn't know: they may come again.
  void may_repeat(std::span<const thing> rows);
  void dead_lettered(const weir::dead_letter& letter);
  /// All that the letter stands for; says so if it can't be read.
  std::vector<thing> held_by(const weir::dead_letter& letter);
  /// Letters were replayed and are gone: what they held must be elsewhere.
  void letters_removed(const std::vector<weir::dead_letter>& before,
                       const std::vector<weir::dead_letter>& after);

  /// A replay was asked for: what was replayed too often is left out.
  void check_loop_guard(const std::vector<weir::dead_letter>& before,
                        const std::vector<weir::dead_letter>& after,
                        const weir::replay_terms& terms);

  /// A stage's function begins to run an item; `running` items of it run at a time now.
  void rate_used(place at, std::uint64_t now_ns);
  void in_flight(std::size_t segment, std::int64_t running);

  // --- the oracle ------------------------------------------------------------------------------------

  /// At a clean end: every item must have ended as what was seen of it says.
  void check_outcomes(const weir::ledger_totals& totals);
  void violated(std::string what);
  const std::string& violation() const { return violation_; }
  /// Is every item accounted for?
  bool complete() const { return missing_ == 0; }
  /// Is every item a row, or was the last word of a life that is over?
  bool all_rows() const;
  /// The first thing that must come out and didn't, as a text.
  std::string what_is_missing() const;

  bool tracing() const { return trace_ != nullptr; }
  void note(std::string line) const;

  /// For the run's fingerprint.
  std::uint64_t fingerprint = 0;

private:
  static std::vector<thing> items_of(const weir::dead_letter& letter);
  void expect(std::uint32_t id, std::vector<thing> all_of_it);
  void cover(const thing& one);
  std::uint64_t covered_up_to(std::size_t source) const;

  std::vector<std::string>* const trace_;
  std::uint32_t life_ = 0;
  std::uint32_t last_unclean_ = 0; // life
  bool fenced_ = false;

  std::vector<weir::partition_point> positions_; // by source, with the epoch of the last claim
  std::vector<weir::partition_point> claimed_;
  std::set<std::size_t> came_again_; // in this life
  std::set<std::size_t> came_again_ever_;
  bool rows_left_out_ = false;          // in this life, of a batch
  std::map<thing, std::uint32_t> rows_; // with the life that stored them last
  std::set<thing> repeatable_;
  std::set<std::uint32_t> said_;       // ids of last words
  std::uint32_t words_ = 0;            // on timers
  std::set<thing> were_dead_lettered_; // perhaps replayed since: they come out of order
  std::map<std::uint32_t, std::set<thing>> uncovered_; // by item: what must still come out of it
  std::size_t missing_ = 0;
  std::map<std::pair<std::size_t, std::uint32_t>, std::uint32_t> last_of_key_; // by key and branch
  std::map<place, std::vector<std::uint64_t>> calls_;
  std::set<std::uint32_t> admitted_; // in this life
  std::set<std::uint32_t> lettered_; // items of letters that were stored in this life
  std::string violation_;
};

} // namespace simulation
