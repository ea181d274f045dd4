#pragma once

#include <weir/mailbox/ledger.hpp>
#include <weir/mailbox/outcome.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace weir::internal {

/// The books of the items that were put in again from the dead letters. Their positions are in no order, so each is
/// kept by itself, where a partition keeps a bit.
///
/// Owner: the acknowledgement; any thread calls it.
/// Invariants: at every moment as many were admitted as have ended or are in flight.
/// Failure: `admit` and `share` may throw std::bad_alloc; then nothing was noted.
class replayed_items {
public:
  /// Requires that none of this position is in flight.
  void admit(std::uint64_t position);

  /// `more` further copies of the item exist.
  void share(std::uint64_t position, std::uint32_t more);

  /// What the end of one share came to.
  struct ending {
    bool known = true; ///< false: no such item is in flight, which is a defect of the caller
    std::optional<outcome> how; ///< of all shares, if this was the last
  };
  ending settle(std::uint64_t position, outcome how) noexcept;

  void add_to(ledger_totals& totals) const noexcept;

private:
  struct item {
    std::uint32_t more = 0; // shares, beside the one that every item has
    outcome gravest = outcome::filtered;
  };

  mutable std::mutex lock_; // guards what follows
  std::unordered_map<std::uint64_t, item> in_flight_;
  std::uint64_t admitted_ = 0;
  std::array<std::uint64_t, outcomes_count> ended_{}; // by outcome
};

} // namespace weir::internal
