#pragma once

#include <weir/actors/runtime.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace weir::internal {

/// What the store has yet to be told about the letters that a replay has claimed from it.
///
/// Owner: the replay actor.
/// Invariants: an id stays in here until the store has taken what is said of it.
/// Failure: what the store refuses is told again with the next call. A claim that is never settled ends with the
/// store, so that its letter is replayed again: at least once.
class claim_settlement {
public:
  claim_settlement(runtime& node, dead_letter_queue& queue) : node_{node}, queue_{queue} {}

  /// The item went through to an end: the letter is to be removed.
  void gone_through(std::uint64_t id) { to_remove_.push_back(id); }
  /// They were not put in, and are to be asked for as before.
  void give_back(std::span<const std::uint64_t> ids) {
    to_give_back_.insert(to_give_back_.end(), ids.begin(), ids.end());
  }
  /// It can't be put in, and is not to be asked for any more.
  void withdraw(std::uint64_t id, std::string why) { to_withdraw_.push_back({id, std::move(why)}); }
  bool withdraws() const noexcept { return !to_withdraw_.empty(); }

  /// Tells the store everything, in the name of `who`; or as far as it takes it, and why it took no more.
  result<void> tell_store(const std::string& who);

private:
  struct withdrawn_letter {
    std::uint64_t id;
    std::string why;
  };

  result<void> tell_withdrawn(const std::string& who);
  done_by by(const std::string& who) const { return {who, node_.wall_clock()}; }

  runtime& node_;
  dead_letter_queue& queue_;
  std::vector<std::uint64_t> to_remove_;
  std::vector<std::uint64_t> to_give_back_;
  std::vector<withdrawn_letter> to_withdraw_;
};

} // namespace weir::internal
