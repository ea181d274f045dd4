#pragma once

#include <cstdint>
#include <optional>

namespace weir::internal {

/// Whose fault is it, the item's or the stage's?
///
/// One item that fails again and again is the item's fault: nothing is charged. Once a *different* item fails
/// without a success in between, the stage is suspected: every item of that run of failures is charged as one
/// restart. A success ends the run, and what it had charged is forgiven. So one poison item in a hundred never
/// stops a pipeline, and a stage that fails everything stops it after `intensity` items.
///
/// | event \ state        | clean            | suspect X        | stage in doubt (last X) |
/// |----------------------|------------------|------------------|-------------------------|
/// | X fails              | suspect X, +0    | +0               | +0                      |
/// | Y fails              | suspect Y, +0    | in doubt, +2     | in doubt (last Y), +1   |
/// | fails without item   | in doubt, +1     | in doubt, +2     | +1                      |
/// | success              | clean            | clean, forgive   | clean, forgive          |
class blame {
public:
  /// `item` identifies what was in hand, if anything was. Returns how many restarts to charge.
  std::uint32_t failed(std::optional<std::uint64_t> item) {
    if (!item) {
      const auto charged = suspect_ && !in_doubt_ ? 2U : 1U;
      in_doubt_ = true;
      return charged;
    }
    if (suspect_ && *suspect_ == *item)
      return 0;
    const bool first = !suspect_ && !in_doubt_;
    const auto charged = first ? 0U : in_doubt_ ? 1U : 2U;
    in_doubt_ = !first;
    suspect_ = item;
    return charged;
  }

  /// Returns true if there is something to forgive.
  bool succeeded() {
    const bool anything = suspect_.has_value() || in_doubt_;
    suspect_.reset();
    in_doubt_ = false;
    return anything;
  }

  /// Is there a failure since the last success?
  bool suspicious() const { return suspect_.has_value() || in_doubt_; }

private:
  std::optional<std::uint64_t> suspect_;
  bool in_doubt_ = false;
};

} // namespace weir::internal
