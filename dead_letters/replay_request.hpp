#pragma once

#include <cstdint>
#include <string>

/// Asking for the replay of dead letters: the terms, and what came of it.
namespace weir {

/// How a replay is asked for.
struct replay_terms {
  std::uint32_t replays_max = 3; ///< letters that failed again so often are left out
  bool forced = false;           ///< they are not
  bool dry_run = false;          ///< says what would happen; nothing does
};

/// What asking for a replay did.
struct replay_request {
  std::uint64_t requested = 0; ///< newly
  std::uint64_t under_way = 0; ///< were requested already, or are being replayed
  std::uint64_t too_often = 0; ///< left out: replayed replays_max times

  bool operator==(const replay_request&) const = default;
};

/// "2 letters requested, 1 under way already, 3 left out: replayed too often".
std::string to_string(const replay_request& answer);

} // namespace weir
