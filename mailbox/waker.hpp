#pragma once

namespace weir {

/// Whoever may be asleep and wants to be run again. `wake` is callable from any thread, never blocks on the
/// one that is woken, and may be called when nothing is to be done: wakes coalesce.
class waker {
public:
  virtual void wake() noexcept = 0;

protected:
  ~waker() = default;
};

} // namespace weir
