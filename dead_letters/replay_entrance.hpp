#pragma once

#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/dead_letters/replay.hpp>
#include <weir/dead_letters/replay_stage.hpp>
#include <weir/dead_letters/replays_in_flight.hpp>
#include <weir/mailbox/acknowledgement.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::internal {

class flight_recorder;

/// Where a dead letter goes in again: decides whether it may go before its stage now, and puts it there.
///
/// Owner: the replay actor.
/// Invariants: a letter is among those in flight before its item can be seen in a ring. Of a key only the first letter
/// in the store goes in.
/// Failure: a letter that can't go in stays, and why; or later, if the store did not say what comes first.
class replay_entrance {
public:
  enum class answer {
    put,
    no_credit, ///< its stage takes nothing now; the actor is woken when it may
    stays,     ///< it can't go in, see why
    too_late,  ///< its stage takes nothing any more
    later      ///< the store did not answer, see why
  };
  struct entry {
    answer what;
    std::string why = {};
    std::uint64_t replay_outcome::*counted_as = nullptr; ///< of stays
  };

  /// `recorder` may be null: nothing is recorded then.
  replay_entrance(const std::string& pipeline, dead_letter_queue& queue, acknowledgement& books,
                  flight_recorder* recorder, const std::vector<replay_stage>& stages,
                  replays_in_flight& in_flight);

  entry put_in(const dead_letter& letter, bool check_type);

  /// In a flight recorder: the partition of what is replayed.
  std::uint64_t recorded_partition() const noexcept { return recorded_partition_; }

private:
  std::optional<entry> waits_for_its_key(const dead_letter& letter);
  std::optional<entry> waits_for_keys_behind(const replay_stage& to) const;
  entry put_before(std::size_t stage, const dead_letter& letter, bool check_type);
  origin admit(std::size_t stage, const dead_letter& letter);

  const std::string& pipeline_;
  dead_letter_queue& queue_;
  acknowledgement& books_;
  flight_recorder* const recorder_;
  const std::uint64_t recorded_partition_;
  const std::vector<replay_stage>& stages_;
  replays_in_flight& in_flight_;
};

} // namespace weir::internal
