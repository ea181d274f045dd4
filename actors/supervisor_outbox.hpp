#pragma once

#include <weir/actors/child_answer.hpp>
#include <weir/actors/child_event.hpp>
#include <weir/supervision/child_spec.hpp>

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace weir::internal {

/// What a supervisor has noted while it held its lock, and does without it: to report events, to call those who asked,
/// and to drop children, which may take a moment or ask back.
///
/// Owner: the supervisor, whose lock guards it; `send` lets go of that lock meanwhile.
/// Failure: what a report or a caller throws is ignored: it concerns neither the child nor the supervisor.
class supervisor_outbox {
public:
  using answer_function = std::function<void(child_answer)>;

  void tell(child_event event) { events_.push_back(std::move(event)); }
  void answer(answer_function who, child_answer what) {
    answers_.emplace_back(std::move(who), std::move(what));
  }
  void drop(child gone) { dropped_.push_back(std::move(gone)); }

  /// Sends all, and what is noted meanwhile. Requires that `lock` is held, and holds it again afterwards.
  void send(std::unique_lock<std::mutex>& lock,
            const std::function<void(const child_event&)>& report);

private:
  bool empty() const { return events_.empty() && answers_.empty() && dropped_.empty(); }

  std::vector<child_event> events_;
  std::vector<std::pair<answer_function, child_answer>> answers_;
  std::vector<child> dropped_;
};

} // namespace weir::internal
