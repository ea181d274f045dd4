#pragma once

#include <weir/mailbox/waker.hpp>
#include <weir/supervision/child_key.hpp>
#include <weir/supervision/child_link.hpp>

#include <cstdint>
#include <deque>
#include <mutex>

namespace weir::internal {

/// What an instance of a child said, and which one it was.
struct addressed_news {
  child_key child;
  std::uint64_t instance;
  child_news news;
};

/// Where children leave their news for their supervisor, even when nobody hears them any more.
///
/// Owner: the supervisor and the links of its children together. Any thread.
/// Invariants: it is bounded, as an instance has two words. Once it is closed, nothing is kept, and nobody woken.
class child_inbox {
public:
  explicit child_inbox(waker& owner) : owner_{&owner} {}

  void put(addressed_news one);
  /// Moves all that was put in behind what is in `heard`, the oldest first. If it throws, for want of memory, the rest
  /// stays here.
  void move_to(std::deque<addressed_news>& heard);
  /// Nobody hears any more.
  void close();

private:
  std::mutex lock_; // guards what follows
  waker* owner_;
  std::deque<addressed_news> news_;
};

} // namespace weir::internal
