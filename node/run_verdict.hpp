#pragma once

#include <weir/mailbox/ledger.hpp>
#include <weir/node/run_report.hpp>
#include <weir/supervision/failure.hpp>

#include <optional>

namespace weir {

/// How a run came to its end.
struct run_facts {
  std::optional<failure> not_started{};
  std::optional<failure> failed{}; ///< the first pipeline that did, before anything was aborted
  ledger_totals ledger{};          ///< of all pipelines
  bool settled_twice = false;      ///< an item was
  bool draining = false;           ///< it was told to stop
  bool aborting = false;
  bool stuck = false; ///< a worker did not obey the abort in time, so the ledger may still change
};

/// What that means, as an exit code and a sentence. What is worse goes first:
///
/// | what holds                             | exit code      |
/// |----------------------------------------|----------------|
/// | it did not start                       | `failed`       |
/// | the ledger does not balance, not stuck | `not_balanced` |
/// | a pipeline failed                      | `failed`       |
/// | aborted, and something is in flight    | `left_over`    |
/// | ended, and something is in flight      | `left_over`    |
/// | none of these                          | `ok`           |
run_outcome verdict_on(const run_facts& run);

} // namespace weir
