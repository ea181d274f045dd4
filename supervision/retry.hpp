#pragma once

#include <weir/supervision/failure.hpp>

#include <chrono>
#include <cstdint>
#include <limits>

namespace weir {

/// As an attempts limit: try until it succeeds or the pipeline stops.
inline constexpr std::uint32_t unlimited = std::numeric_limits<std::uint32_t>::max();

/// No time that can be chosen is longer: what ends after it must not lie beyond the clock's range.
inline constexpr std::chrono::hours duration_max{24 * 365};

/// Delays that grow: delay_min · factor^(n-1) for the n-th in a row, at most delay_max, shifted by up to
/// ± jitter (a share of the delay), so that many who failed together do not come back together.
struct backoff {
  std::chrono::milliseconds delay_min{50};
  std::chrono::milliseconds delay_max{5000};
  double factor = 2.0;
  double jitter = 0.2;

  /// No delay is longer, whatever delay_max says.
  static constexpr auto longest = duration_max;

  /// `n` counts from 1; `random` is in [0, 1). Safe for every n.
  std::chrono::nanoseconds delay(std::uint32_t n, double random) const;
};

/// What a stage does about an item that failed.
struct retry_policy {
  /// Runs of one item before it is dead-lettered, the first included.
  std::uint32_t attempts = 3;
  /// How many of the retries after a transient failure come at once: most such failures are over by then. Those
  /// after them follow the back-off. None does where the other side asks for a time (Retry-After).
  std::uint32_t immediate = 1;
  std::chrono::milliseconds delay_min{50};
  std::chrono::milliseconds delay_max{5000};
  double factor = 2.0;
  double jitter = 0.2;

  backoff delays() const { return {delay_min, delay_max, factor, jitter}; }
  /// How long to wait before the next run, after so many that failed; `random` is in [0, 1).
  std::chrono::nanoseconds delay(std::uint32_t failed_runs, double random) const;
};

} // namespace weir

namespace weir::internal {

enum class answer {
  retry,                  ///< the same worker runs the item again after a delay
  dead_letter,            ///< the item becomes a dead letter; the worker goes on with the next
  restart,                ///< the worker ends; a fresh one runs the item again
  dead_letter_and_restart ///< both: the item has used up its attempts, and the worker's state is in doubt
};

/// Decides by this table:
///
/// | kind \ attempts | left    | used up          |
/// |-----------------|---------|------------------|
/// | transient       | retry   | dead-letter      |
/// | poison          | dead-letter | dead-letter      |
/// | fatal           | restart | dead_letter_and_restart |
///
/// `attempts` counts the runs so far, the failed one included.
answer answer_to(failure_kind kind, std::uint32_t attempts, const retry_policy& policy);

} // namespace weir::internal
