#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

/// What a worker does between two turns, or in one: it works, or it rests, and for want of what.
///
/// Its time is counted by this: busy and in_hand as busy, idle as idle, everything else as blocked.
enum class waiting_as : std::uint8_t {
  idle,       ///< nothing is there: it waits for input
  blocked,    ///< it can't go on, for a reason that has no name here
  busy,       ///< it has a turn, or could have one and lets others
  in_hand,    ///< runs of its items go on outside of its turns
  credit,     ///< a mailbox behind it has no room
  permit,     ///< the stage's rate has none left
  retry,      ///< an item that failed waits for its back-off
  letters,    ///< the store of dead letters takes none, or has not stored them
  keys,       ///< the letters of its held keys are at their bound
  suspects,   ///< an item that may have killed an earlier process runs alone
  settlement, ///< a partition of the source has no room until something in it is settled
  demand,     ///< its function takes no item now
  down,       ///< it failed, or was stopped, and waits for its supervisor
  paused      ///< somebody has paused its stage
};

} // namespace weir

namespace weir::internal {

inline constexpr unsigned waiting_as_bits = 4; // that every value fits into

} // namespace weir::internal

namespace weir {

/// "idle", "in_hand", "credit" …
std::string_view to_string(waiting_as how) noexcept;

} // namespace weir
