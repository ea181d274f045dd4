#pragma once

#include <weir/supervision/failure.hpp>

#include <memory>

namespace weir::internal {
class late_answer;

} // namespace weir::internal

namespace weir {

struct batch_outcome;

/// The right to say, once, what became of an item or a batch: what a sink that settles later is given with each.
///
/// Owner: whoever holds it; one thread at a time. It may be used from any thread, at any time, also when nobody
/// waits for it any more: when the time for it was up, when the item was given to a fresh sink, when the pipeline
/// has ended or is gone. Then it says nothing.
/// Failure: dropped without a word, it counts as a transient failure; so nothing waits for it in vain.
class [[nodiscard]] settlement {
public:
  explicit settlement(std::shared_ptr<internal::late_answer> to) noexcept;
  settlement(settlement&& other) noexcept = default;
  settlement& operator=(settlement&& other) noexcept;
  ~settlement();

  // One of these, once.

  /// The item is stored; of a batch, every item.
  void stored() noexcept;
  /// The batch is stored, but for what is named.
  void stored(batch_outcome outcome) noexcept;
  /// It is not stored, or may not be.
  void failed(failure why) noexcept;

private:
  std::shared_ptr<internal::late_answer> take() noexcept;

  std::shared_ptr<internal::late_answer> to_; // null once it was used, or moved away
};

} // namespace weir
