#pragma once

#include <weir/connectors/text_event.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/partitions.hpp>
#include <weir/stages/source.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace weir::http {

/// Requests on their way from a server into a pipeline, in the order of arrival, and what became of their events: the
/// seam between the server's thread and the source's worker.
///
/// | request's state \ event | its turn, with room | all events put | all settled | withdraw  | close     | end       |
/// |-------------------------|---------------------|----------------|-------------|-----------|-----------|-----------|
/// | waiting                 | → begun             | –              | –           | → refused | → refused | → refused |
/// | begun                   | –                   | → admitted     | –           | → refused | → refused | → refused |
/// | admitted                | –                   | –              | → settled   | –         | –         | → cut_off |
/// | refused, settled, cut_off | –                 | –              | –           | –         | –         | –         |
///
/// Only requests with `until_settled` are looked after once they are admitted: the others stay so.
///
/// Invariants: a request begins only when there is room for all of it at once, so that it doesn't stop halfway; or, if
/// it is larger than the mailboxes, when there is half of their room. Of one that was refused nothing further is put.
/// The events of a request have positions in a row. Any thread.
class admission {
public:
  enum class state { waiting, begun, admitted, refused, settled, cut_off };

  /// An event that was admitted and is not stored.
  struct lost_event {
    std::size_t index; ///< in its request, from 0
    std::uint64_t position;
    outcome how;
  };
  /// How far a request is.
  struct standing {
    admission::state state = admission::state::waiting;
    std::size_t put = 0;     ///< events that are admitted
    std::size_t settled = 0; ///< of those, in a row from the first on
    std::array<std::size_t, internal::outcomes_count> by{}; ///< of those, by outcome
    std::vector<lost_event> lost = {};                      ///< of those
  };
  struct request {
    std::vector<text_event> events;
    bool until_settled = false;
    std::function<void()> news; ///< its state is another one; from any thread
    // Guarded by the admission's lock.
    standing now = {};
    std::uint64_t first = 0; ///< the position of its first event, once it has begun
  };

  explicit admission(std::size_t waiting_max) : waiting_max_{waiting_max} {}

  // --- the server ------------------------------------------------------------------------------------

  /// Null if as many wait already as may. After close, it is refused at once.
  std::shared_ptr<request> offer(std::vector<text_event> events, bool until_settled,
                                 std::function<void()> news);

  standing look_at(const request& one) const;
  /// Takes it back, unless it is admitted, or begun and `even_if_begun` is not said.
  standing withdraw(const std::shared_ptr<request>& one, bool even_if_begun);
  /// Nobody waits any more for what becomes of it.
  standing forget(const request& one);

  bool closed() const;
  std::size_t waiting() const;

  // --- the source ------------------------------------------------------------------------------------

  /// Whom an offer wakes; null, when it has gone.
  void wakes(waker* source);

  /// What hand_over has left.
  struct left {
    bool begun = false;   ///< a request has begun, and goes on with any room
    std::size_t room = 0; ///< what the next one needs to begin; 0: there is none
  };
  /// Puts what there is room for, behind the last position.
  left hand_over(intake<text_event>& in, std::uint64_t last_position);

  /// Requests that are looked after until all of them is settled.
  std::size_t unsettled() const;
  /// Looks what has become of them. `prefix`: everything up to there is settled; `outcome_of` tells how a position ended,
  /// if it has. Returns when to look again, if that isn't only when something else is settled.
  ///
  /// Each event is passed once. A request that isn't settled up to the prefix costs one question more; where there are
  /// many of those, they are asked about once a millisecond.
  std::optional<time_point>
  look(std::uint64_t prefix, time_point now,
       const std::function<std::optional<outcome>(std::uint64_t)>& outcome_of);

  /// Refuses what waits, and all that comes. What is admitted goes on.
  void close();
  /// The same; and nobody looks any more what becomes of what is admitted.
  void end();

private:
  const std::size_t waiting_max_;
  mutable std::mutex lock_; // guards what follows
  std::deque<std::shared_ptr<request>> line_;
  std::map<std::uint64_t, std::shared_ptr<request>> unsettled_; // by their first position
  waker* source_ = nullptr;
  bool closed_ = false;
  time_point look_all_at_{}; // not earlier, where there are many
};

} // namespace weir::http
