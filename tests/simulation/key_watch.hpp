#pragma once

#include "scenario.hpp"
#include "thing.hpp"

#include <weir/dead_letters/dead_letter.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace simulation {

class world;

/// The part of the oracle that looks at held keys: what waits behind a dead letter of its key, in which order it
/// goes on, and how many letters there may be. Outlives the node, as the letters do.
class key_watch {
public:
  key_watch(const scenario& of, world& in) : of_{of}, in_{in} {}

  void begin_life();
  /// What was not in the store yet is gone.
  void life_lost();
  /// A stage begins to run an item, and has run it.
  void run_begins(place at, const thing& one);
  void passed(place at, const thing& one);
  /// The letter is in the store.
  void dead_lettered(place at, const thing& item, const weir::dead_letter& letter);
  /// It was replayed, and is no letter any more.
  void replayed(const weir::dead_letter& letter);
  /// It will be put once more, whatever becomes of it meanwhile.
  void comes_again(const weir::dead_letter& letter) {
    put_twice_.insert({letter.stage, letter.payload});
  }

  /// Has a stage as many letters as it may have? Then only a replay or a purge helps it.
  bool at_bound() const;
  /// The keys of a stage that have letters.
  std::uint64_t keys_of(place at) const;
  /// How far back the last stage lies that has letters; 0: none has any.
  std::size_t letters_up_to() const;

private:
  using key_there = std::pair<place, std::string>;

  std::uint64_t letters_of(place at) const;
  void saw(std::uint32_t id) {
    auto& last = seen_up_to_[id >> 24U];
    last = std::max(last, id);
  }
  /// May its order, where it comes to that stage, be another one than where it was read?
  bool comes_late(place at, std::uint32_t id) const {
    const auto found = left_behind_.find(id);
    return found != left_behind_.end() && found->second < at.segment;
  }

  /// Must it come to that stage behind what was read before it, and before what was read after it?
  bool comes_in_order(place at, const thing& one) const;

  const scenario& of_;
  world& in_;

  std::map<key_there, std::set<std::string>>
      letters_at_; // the positions of all letters there ever were
  std::map<std::uint32_t, std::size_t>
      first_letter_of_; // by item: the first segment that made it a letter
  std::map<std::uint32_t, std::size_t> left_behind_;        // the same, where its key was not held
  std::set<std::pair<std::string, std::string>> put_twice_; // stages and payloads
  std::map<std::uint32_t, std::uint32_t> seen_up_to_;       // by source: the last item
  std::map<std::uint32_t, std::uint32_t> lost_up_to_;       // the same, as a life was lost
  std::map<place, std::set<thing>> begun_;                  // in this life, and no letters since
  std::map<place, std::set<thing>> passed_;
  std::map<std::tuple<place, std::string, std::uint32_t, std::size_t>, std::uint32_t>
      last_passed_; // by key, branch and source
  // Those that were replayed in this life, and are gone.
  std::map<key_there, std::vector<weir::dead_letter>> gone_;
};

} // namespace simulation
