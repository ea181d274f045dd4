#pragma once

#include <weir/actors/actor.hpp>

#include <atomic>
#include <thread>

namespace weir::files {

/// Wakes a source when its pipe or terminal has something to read, so that the source itself never blocks: it
/// can be drained, stopped and restarted meanwhile. (A descriptor shared with other processes must not be made
/// non-blocking, and so can't be given to an event loop; it costs a thread.)
///
/// Owner: the source. Both the descriptor and the waker must outlive it.
class input_watch {
public:
  input_watch(int descriptor, waker& who);
  input_watch(const input_watch&) = delete;
  input_watch& operator=(const input_watch&) = delete;
  ~input_watch();

  /// Wakes once, as soon as the descriptor is readable or at its end.
  void arm();

private:
  void run();
  void signal();

  const int descriptor_;
  waker& who_;
  const int event_; // an eventfd: the thread should look again
  std::atomic<bool> armed_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_; // last: it uses all of the above
};

} // namespace weir::files
