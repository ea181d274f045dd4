#pragma once

#include <weir/actors/context.hpp>
#include <weir/actors/source.hpp>
#include <weir/connectors/text_event.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace weir::http {

/// Requests on their way from a server into a pipeline, in the order of arrival: the seam between the server's
/// thread and the source's worker.
///
/// | request's state \ event | its turn, with room | all events put | withdraw  | close     |
/// |-------------------------|---------------------|----------------|-----------|-----------|
/// | waiting                 | → begun             | –              | → refused | → refused |
/// | begun                   | –                   | → admitted     | → refused | → refused |
/// | admitted, refused       | –                   | –              | –         | –         |
///
/// Invariants: a request begins only when there is room for all of it, or for `begin_room` events of a longer
/// one; of one that was refused nothing further is put. Any thread.
class admission {
public:
  /// What a source finds in one turn may be less than the credit there is, so a long request must be begun
  /// without knowing whether there is credit for all of it.
  static constexpr std::size_t begin_room = 8;

  enum class state { waiting, begun, admitted, refused };
  struct request {
    std::vector<text_event> events;
    std::function<void()> settled; ///< it was admitted, or refused by close; from any thread
    // Guarded by the admission's lock.
    admission::state state = admission::state::waiting;
    std::size_t put = 0; ///< events that are admitted
  };

  explicit admission(std::size_t waiting_max) : waiting_max_{waiting_max} {}

  /// Null if as many wait already as may. After close, it is refused at once.
  std::shared_ptr<request> offer(std::vector<text_event> events, std::function<void()> settled);

  struct standing {
    admission::state state;
    std::size_t put;
  };
  standing look_at(const request& one) const;
  /// Takes it back, unless it is admitted, or begun and `even_if_begun` is not said.
  standing withdraw(const std::shared_ptr<request>& one, bool even_if_begun);

  /// Refuses what waits, and all that comes.
  void close();
  bool closed() const;
  std::size_t waiting() const;

  /// The source's worker: whom an offer wakes; null, when it has gone.
  void wakes(waker* source);
  /// Puts what there is room for. What is left, if anything, has begun or does not fit.
  enum class left { nothing, begun, unfitting };
  left hand_over(intake<text_event>& in, std::uint64_t last_position);

private:
  const std::size_t waiting_max_;
  mutable std::mutex lock_; // guards what follows
  std::deque<std::shared_ptr<request>> line_;
  waker* source_ = nullptr;
  bool closed_ = false;
};

} // namespace weir::http
