#pragma once

#include <weir/actors/actor.hpp>
#include <weir/mailbox/origin.hpp>
#include <weir/stages/hand.hpp>
#include <weir/stages/item_run.hpp>
#include <weir/stages/item_trouble.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace weir::internal {

struct key_line;

/// An item that was taken from a mailbox and not released.
///
/// | state \ event        | begins  | run succeeded | run failed, interrupted | left, dead-lettered, abandoned |
/// |----------------------|---------|---------------|-------------------------|--------------------------------|
/// | stands_in_line       | running | –             | –                       | ended                          |
/// | running              | –       | succeeded     | waiting_to_run_again    | ended                          |
/// | waiting_to_run_again | running | –             | –                       | –                              |
/// | succeeded            | –       | –             | –                       | ended                          |
struct item_in_hand {
  enum class state {
    stands_in_line, ///< behind one of its key; it is in its mailbox still
    running,
    waiting_to_run_again,
    succeeded,
    ended
  };

  std::size_t input; ///< index of its mailbox
  std::size_t index; ///< in that
  std::uint64_t id;  ///< see item_id
  origin from;
  state now = state::running;
  std::shared_ptr<item_run> run;
  time_point began{};
  time_point until{};            ///< the end of its time, or of its back-off
  std::uint64_t waits_since = 0; ///< which wait of the stage for a further run this is
  bool timed_out = false;
  bool interrupted =
      false; ///< by a change of the function: it is run again before anything else begins
  item_trouble trouble{};
  hand recorded{};                  ///< of the flight recorder
  bool entered = false;             ///< see suspicion::enter
  std::vector<std::size_t> lanes{}; ///< of its outputs
  key_line* line = nullptr;         ///< while it stands there or goes on; null if it has no key
  bool passes =
      false; ///< while it stands in line: it is replayed, and passes the bound of held keys
  // Its neighbours in the order in which runs began, while it runs; or who stands behind it in its line.
  item_in_hand* earlier = nullptr;
  item_in_hand* later = nullptr;

  bool has_ended() const { return now == state::running && run->has_ended(); }
};

} // namespace weir::internal
