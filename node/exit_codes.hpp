#pragma once

namespace weir {

/// How a process ends.
struct exit_codes {
  static constexpr int ok = 0;           ///< drained and balanced
  static constexpr int failed = 1;       ///< failed to start, or aborted by a fatal error
  static constexpr int usage = 2;        ///< usage or configuration
  static constexpr int left_over = 3;    ///< at the deadline, something was left unacknowledged
  static constexpr int not_balanced = 4; ///< the ledger does not balance
};

} // namespace weir
