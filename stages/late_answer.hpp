#pragma once

#include <weir/supervision/failure.hpp>

#include <mutex>

namespace weir::internal {
class item_run;

} // namespace weir::internal

namespace weir {

struct batch_outcome;

} // namespace weir

namespace weir::internal {

/// What a sink that settles later answers of one run: the side of the run that its settlement knows.
///
/// | state \ event | settled         | call returned | call failed | expires |
/// |---------------|-----------------|---------------|-------------|---------|
/// | in its call   | settled in call | open          | over        | –       |
/// | settled in call | –             | over          | over        | –       |
/// | open          | over            | –             | –           | over    |
/// | over          | –               | –             | –           | –       |
///
/// Owner: the run, and its settlement with it. Whoever settles may be any thread; the rest is the worker's.
/// Invariants: the run ends once, when it is over. From then on nothing of the run is touched.
class late_answer {
public:
  explicit late_answer(item_run& of) noexcept : of_{of} {}
  late_answer(const late_answer&) = delete;
  late_answer& operator=(const late_answer&) = delete;
  virtual ~late_answer();

  // --- the settlement, once; any thread ------------------------------------------------------------

  void is_stored(batch_outcome outcome) noexcept;
  void has_failed(failure why) noexcept;
  void is_dropped() noexcept;

  // --- the worker, in its turns --------------------------------------------------------------------

  /// The call that was given the item has returned. If that failed, nothing else counts.
  void call_returned() noexcept;
  void call_failed(failure why) noexcept;
  /// Nobody waits any more: the run has failed. False if it was over by then.
  bool expires() noexcept;
  bool has_expired() const noexcept;

private:
  enum class state { in_call, settled_in_call, open, over };

  /// Writes into the run what is stored. May throw.
  virtual void write(batch_outcome outcome) = 0;
  template <class Write>
  void settle(Write write) noexcept;

  item_run& of_;
  mutable std::mutex lock_; // guards what follows, and what is written into the run
  state now_ = state::in_call;
  bool expired_ = false;
};

} // namespace weir::internal
