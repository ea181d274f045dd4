#pragma once

#include <weir/stages/item_in_hand.hpp>

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir::internal {

/// The items of one key, where one of them goes on or stands in line.
struct key_line {
  const std::string* key = nullptr; // of its entry, which keeps its place
  item_in_hand* goes_on = nullptr;
  // Those who stand in it, by item_in_hand::later.
  item_in_hand* first = nullptr;
  item_in_hand* last = nullptr;
  bool in_turn = false; // it is one of key_lines::in_turn_
};

/// The keys of what a stage with flow::hold_key has in hand. As long as an item goes on, it may still become a dead
/// letter, behind which the later ones of its key have to be held: so these stand in line until it has ended.
///
/// Owner: the worker's turns.
/// Invariants: of each key one item at most goes on; the others stand in their order. A line is there as long as somebody
/// goes on or stands in it. No step depends on how many keys or items there are, and once there were as many lines at a
/// time, a further key needs no memory but its own text.
class key_lines {
public:
  key_lines() = default;
  key_lines(const key_lines&) = delete;
  key_lines& operator=(const key_lines&) = delete;

  /// Does an item of that key go on?
  bool goes_on(const std::string& key) const;
  /// Does one go on or stand in line?
  bool any(const std::string& key) const { return lines_.contains(key); }

  /// Empty if it has none.
  static std::string key_of(const item_in_hand& one) {
    return one.line != nullptr ? *one.line->key : std::string{};
  }

  /// How many stand in line.
  std::size_t standing() const { return standing_; }

  /// The item goes on, and nothing else of its key does. It need not have stood in the line, if there is one.
  void begins(item_in_hand& one, const std::string& key);
  /// There is a line of its key, and the item stands at its end.
  void stands(item_in_hand& one, const std::string& key);

  /// The item in front of a line where nothing goes on, of the line that has waited longest for its turn; null if there
  /// is none. One that passes the bound of its stage goes before those that don't: see item_in_hand::passes.
  item_in_hand* next();
  /// The one that next() returned goes on.
  void next_begins();
  /// The one that next() returned has ended without having gone on.
  void next_ended();

  /// The item does not go on any more. Does nothing if it has no key.
  void ended(item_in_hand& one);

private:
  using lines = std::unordered_map<std::string, key_line>;

  key_line& line_of(const std::string& key);
  item_in_hand& leaves(key_line& from);
  void has_its_turn(key_line& one);
  void let_go(key_line& one);

  lines lines_;
  std::vector<lines::node_type> spare_;
  std::size_t standing_ = 0;
  std::deque<key_line*>
      in_turn_; // lines in which nothing went on when they came here, and somebody stands
};

} // namespace weir::internal
