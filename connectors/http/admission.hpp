#pragma once

#include <weir/connectors/text_event.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/source.hpp>

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
/// Invariants: a request begins only when there is surely credit for all of it, so that it doesn't stop halfway;
/// or, if it has more events than there ever was room for in one turn, when there is half as much. Of one that
/// was refused nothing further is put. Any thread.
class admission {
public:
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
  /// Puts what there is room for. What is left, if anything, has begun or does not fit. `unsettled` tells how
  /// many of this source's events are somewhere in the pipeline, those of this turn not counted.
  enum class left { nothing, begun, unfitting };
  left hand_over(intake<text_event>& in, std::uint64_t last_position,
                 const std::function<std::uint64_t()>& unsettled);

private:
  const std::size_t waiting_max_;
  mutable std::mutex lock_; // guards what follows
  std::deque<std::shared_ptr<request>> line_;
  waker* source_ = nullptr;
  bool closed_ = false;
  std::size_t most_room_ = 0; // ever, in one turn: the mailbox has at least that capacity
};

} // namespace weir::http
