#include <weir/dead_letters/replay_orders.hpp>

#include <utility>

namespace weir::internal {

void replay_orders::begin(std::size_t sources, std::vector<std::size_t> inputs) {
  const std::lock_guard lock{lock_};
  sources_left_ = sources;
  inputs_left_ = std::move(inputs);
}

// --- any thread --------------------------------------------------------------------------------------

result<void> replay_orders::ask_for(std::shared_ptr<replay_run> run) {
  const std::lock_guard lock{lock_};
  if (closed_ || stopping_)
    return transient("pipeline '" + pipeline_ + "' is ending and takes nothing in any more");
  if (asked_for_.size() >= asked_for_max)
    return transient(std::to_string(asked_for_max) + " replays of pipeline '" + pipeline_
                     + "' wait for their turn already");
  asked_for_.push_back(std::move(run));
  return {};
}

void replay_orders::look() {
  const std::lock_guard lock{lock_};
  look_now_ = true;
  count_now_ = true;
}

void replay_orders::recount() {
  const std::lock_guard lock{lock_};
  count_now_ = true;
}

void replay_orders::source_ended() {
  const std::lock_guard lock{lock_};
  if (sources_left_ > 0)
    --sources_left_;
}

void replay_orders::input_ended(std::size_t stage) {
  const std::lock_guard lock{lock_};
  if (inputs_left_[stage] > 0)
    --inputs_left_[stage];
}

void replay_orders::stop() {
  const std::lock_guard lock{lock_};
  stopping_ = true;
}

void replay_orders::abort() {
  const std::lock_guard lock{lock_};
  stopping_ = true;
  aborted_ = true;
}

void replay_orders::workers_finished() {
  const std::lock_guard lock{lock_};
  workers_finished_ = true;
}

void replay_orders::letters_finished() {
  const std::lock_guard lock{lock_};
  letters_finished_ = true;
}

// --- the actor's turns -------------------------------------------------------------------------------

replay_orders::standing_orders replay_orders::take() {
  const std::lock_guard lock{lock_};
  return {.stopping = stopping_,
          .aborted = aborted_,
          .count = std::exchange(count_now_, false),
          .finished = workers_finished_ && letters_finished_};
}

replay_orders::next_replay replay_orders::next(bool time_to_look) {
  const std::lock_guard lock{lock_};
  if (closed_ || stopping_)
    return {};
  next_replay next;
  if (!asked_for_.empty()) {
    next.run = std::move(asked_for_.front());
    asked_for_.pop_front();
  } else if (look_now_ || time_to_look) {
    look_now_ = false;
    looked_ = true;
    next.look = true;
  }
  return next;
}

replay_orders::closing replay_orders::close(bool all_in, bool unanswered) {
  const std::lock_guard lock{lock_};
  if (closed_)
    return {.stages = {}, .all = true};
  const bool all_begun = looked_ && !look_now_ && asked_for_.empty();
  if (!stopping_ && (sources_left_ > 0 || !all_in || (!unanswered && !all_begun)))
    return {};
  closing over;
  for (std::size_t k = 0; k < inputs_left_.size(); ++k)
    if (stopping_ || inputs_left_[k] == 0)
      over.stages.push_back(k);
  closed_ = over.stages.size() == inputs_left_.size();
  over.all = closed_;
  return over;
}

std::deque<std::shared_ptr<replay_run>> replay_orders::close_all() {
  const std::lock_guard lock{lock_};
  closed_ = true;
  return std::exchange(asked_for_, {});
}

} // namespace weir::internal
