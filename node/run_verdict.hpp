#pragma once

#include <weir/mailbox/ledger.hpp>
#include <weir/node/run_report.hpp>
#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <optional>

namespace weir::internal {

/// How a run came to its end.
struct run_facts {
  std::optional<failure> not_started{};
  std::optional<failure>
      failed{};           ///< the first pipeline or tree that did, before anything was aborted
  ledger_totals ledger{}; ///< of all pipelines, those of the trees too
  bool balanced = true;   ///< so is each pipeline of the trees
  /// Items of the ledger that are in flight, but that a pipeline left which was restarted: it has read them again.
  std::uint64_t in_flight_before = 0;
  std::uint64_t children_killed = 0; ///< of trees, for they did not stop
  bool settled_twice = false;        ///< an item was
  bool draining = false;             ///< it was told to stop
  bool aborting = false;
  bool stuck = false; ///< a worker did not obey the abort in time, so the ledger may still change
};

/// What that means, as an exit code and a sentence. What is worse goes first:
///
/// | what holds                             | exit code      |
/// |----------------------------------------|----------------|
/// | it did not start                       | `failed`       |
/// | the ledger does not balance, not stuck | `not_balanced` |
/// | a pipeline or a tree failed            | `failed`       |
/// | aborted, and something is in flight    | `left_over`    |
/// | aborted, and a child had to be killed  | `left_over`    |
/// | ended, and something is in flight      | `left_over`    |
/// | none of these                          | `ok`           |
run_outcome verdict_on(const run_facts& run);

} // namespace weir::internal
