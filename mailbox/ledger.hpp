#pragma once

#include <cstdint>
#include <string>

namespace weir {

/// The ledger of a pipeline: where every item that came in has gone. It is a value of counts of items: whoever counts
/// takes it from its own counters.
///
/// Invariant of a pipeline at rest, checked at drain and after every injected fault:
/// admitted + replayed = acknowledged + filtered + dropped + dead-lettered + returned + in flight.
struct ledger_totals {
  std::uint64_t admitted = 0;      ///< taken from a source
  std::uint64_t replayed = 0;      ///< put in again from the dead letters
  std::uint64_t acknowledged = 0;  ///< reached the end of the pipeline, and the source knows
  std::uint64_t filtered = 0;      ///< ended by a stage that had nothing to pass on
  std::uint64_t dropped = 0;       ///< let go by a declared policy
  std::uint64_t dead_lettered = 0; ///< stored with its cause
  std::uint64_t returned = 0;      ///< given back unprocessed to where it came from
  std::uint64_t in_flight = 0;     ///< none of these yet

  /// How many items came in.
  std::uint64_t entered() const noexcept { return admitted + replayed; }
  /// How many of them have come to an end.
  std::uint64_t settled() const noexcept {
    return acknowledged + filtered + dropped + dead_lettered + returned;
  }

  /// `entered` less all that is accounted for: positive if items are missing, negative if some were
  /// counted twice.
  std::int64_t difference() const noexcept {
    // Modulo 2^64, so that the difference is right even where a sum has wrapped.
    return static_cast<std::int64_t>(entered() - settled() - in_flight);
  }
  /// How many items are not accounted for, or counted twice.
  std::uint64_t imbalance() const noexcept {
    const auto apart = static_cast<std::uint64_t>(difference());
    return difference() < 0 ? 0 - apart : apart;
  }
  bool balanced() const noexcept { return difference() == 0; }

  ledger_totals& operator+=(const ledger_totals& other) noexcept;
  bool operator==(const ledger_totals&) const = default;
};

/// One line for a log: "admitted 5 + replayed 0 = acknowledged 3 + filtered 0 + dropped 0 +
/// dead-lettered 1 + returned 0 + in flight 1", with " (1 item is not accounted for)" or " (2 items are counted
/// twice)" if it isn't so.
std::string to_string(const ledger_totals& totals);

} // namespace weir
