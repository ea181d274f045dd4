#include <weir/supervision/supervisor.hpp>

#include <algorithm>
#include <utility>

namespace weir {

supervisor::supervisor(supervision_options options, std::vector<child_spec> children)
    : options_{options}, window_{options.intensity, options.period} {
  children_.reserve(children.size());
  for (auto& spec : children)
    children_.push_back({.spec = std::move(spec)});
}

std::vector<supervisor_step> supervisor::exited(std::size_t child, exit_reason reason,
                                                std::uint32_t charge, failure why, time_point now,
                                                double random) {
  auto& ended = children_[child];
  if (given_up_ || ended.now == state::ended)
    return {};
  if (ended.now == state::stopping) // it ended before it could obey
    return stopped(child, now);
  if (!is_restarted(ended.spec.restart, reason)) {
    ended.now = state::ended;
    return {};
  }
  if (!window_.add(child, charge, now)) {
    why.kind = failure_kind::fatal;
    given_up_ = std::move(why).within("gave up on '" + ended.spec.name + "': more than "
                                      + std::to_string(options_.intensity) + " restarts within "
                                      + std::to_string(options_.period.count()) + " ms");
    return {{supervisor_step::kind::escalate, child}};
  }
  const auto delay = options_.delays.delay(++ended.in_a_row, random);
  const auto at = now + delay;
  window_.pause(delay);
  std::vector<supervisor_step> steps;
  const auto [first, last] = restarted_with(options_.strategy, child, children_.size());
  for (auto k = last; k-- > first;) {
    auto& one = children_[k];
    if (one.now == state::ended)
      continue; // what had done all its work isn't started again
    if (k == child || one.now == state::waiting) {
      one.now = state::waiting;
      one.due = std::max(one.due, at);
    } else if (one.now == state::running) {
      one.now = state::stopping;
      one.due = at;
      steps.push_back({supervisor_step::kind::stop, k});
    }
  }
  return steps;
}

std::vector<supervisor_step> supervisor::stopped(std::size_t child, time_point now) {
  if (given_up_ || children_[child].now != state::stopping)
    return {};
  auto& one = children_[child];
  one.now = one.spec.restart == restart::temporary ? state::ended : state::waiting;
  return start_what_is_due(now);
}

void supervisor::recovered(std::size_t child) {
  window_.forgive(child);
  children_[child].in_a_row = 0;
}

std::vector<supervisor_step> supervisor::due(time_point now) {
  return given_up_ ? std::vector<supervisor_step>{} : start_what_is_due(now);
}

std::vector<supervisor_step> supervisor::start_what_is_due(time_point now) {
  std::vector<supervisor_step> steps;
  if (std::ranges::any_of(children_, [](const auto& one) { return one.now == state::stopping; }))
    return steps;
  for (std::size_t k = 0; k < children_.size(); ++k) {
    auto& one = children_[k];
    if (one.now != state::waiting || one.due > now)
      continue;
    one.now = state::running;
    ++one.restarts;
    steps.push_back({supervisor_step::kind::start, k});
  }
  return steps;
}

std::optional<time_point> supervisor::next_due() const {
  std::optional<time_point> next;
  if (given_up_)
    return next;
  if (std::ranges::any_of(children_, [](const auto& one) { return one.now == state::stopping; }))
    return next; // nothing can be started before all have stopped
  for (const auto& one : children_)
    if (one.now == state::waiting && (!next || one.due < *next))
      next = one.due;
  return next;
}

} // namespace weir
