#pragma once

#include <weir/dead_letters/outgoing_letter.hpp>
#include <weir/dead_letters/replay_stage.hpp>
#include <weir/mailbox/outcome.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace weir::internal {

/// A dead letter whose item is in the pipeline again.
struct replayed_letter {
  std::uint64_t id;
  std::size_t stage; ///< its index
  std::string source;
  std::uint64_t position;
  std::uint32_t part;
  std::uint32_t replay_count;
  std::string key;
  bool put_back = false;               ///< it failed, and its letter has the same identity
  outcome how = outcome::acknowledged; ///< once it has ended
};

/// The letters that are being replayed, from their going in until the replay actor has taken their outcomes.
///
/// Owner: any thread. The replay actor adds and takes, workers identify, and the books tell what has ended.
/// Invariants: a letter is in flight or has ended, and goes from the one to the other without taking memory: so telling
/// the end of an item can't fail.
class replays_in_flight {
public:
  using letters_by_id = std::multimap<std::uint64_t, replayed_letter>;

  /// The names of `stages` tell a letter that failed where it went in from one of a later stage.
  explicit replays_in_flight(const std::vector<replay_stage>& stages) : stages_{stages} {}

  void add(replayed_letter letter);

  /// Gives the letter of a replayed item, whose origin is `where`, the place it was read from; true if it is the
  /// same letter as before, with its part.
  bool identify(dead_letter& letter, origin where, letter_of what);

  /// The item of that letter has ended; false if it is not in flight.
  bool ended(std::uint64_t id, outcome how) noexcept;
  /// What has ended since the last call.
  letters_by_id take_ended();

  /// When the pipeline has stopped, no more will end: takes the ids of what has not. None while some have ended
  /// whose outcomes are to be taken first.
  std::optional<std::vector<std::uint64_t>> take_left();

  /// How many have not ended.
  std::size_t size() const;

private:
  const std::vector<replay_stage>& stages_;

  mutable std::mutex lock_; // guards what follows
  std::map<std::uint64_t, replayed_letter> in_flight_;
  letters_by_id ended_;
};

} // namespace weir::internal
