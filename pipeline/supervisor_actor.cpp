#include <weir/pipeline/supervisor_actor.hpp>

#include <utility>

namespace weir::internal {

supervisor_actor::supervisor_actor(std::string name, runtime& node, supervision_options options,
                                   std::vector<child_spec> children, events report)
    : actor{std::move(name)},
      node_{node},
      report_{std::move(report)},
      decides_{options, std::move(children)} {}

void supervisor_actor::report(happening one) {
  bool last = false;
  {
    const std::lock_guard lock{lock_};
    const bool finished = one.what == happening::kind::finished;
    if (!crashed_)
      happened_.push_back(std::move(one)); // bounded: a worker waits for the answer to most of them
    finished_ += finished ? 1U : 0U;
    last = crashed_ && finished && finished_ == workers_.size();
  }
  wake();
  if (last)
    report_.all_finished();
}

void supervisor_actor::worker_failed(std::size_t index, std::uint32_t charge, failure why) {
  report({happening::kind::failed, index, charge, std::move(why)});
}
void supervisor_actor::worker_stopped(std::size_t index) {
  report({happening::kind::stopped, index, 0, {}});
}
void supervisor_actor::worker_recovered(std::size_t index) {
  report({happening::kind::recovered, index, 0, {}});
}
void supervisor_actor::worker_finished(std::size_t index, std::optional<failure> crash) {
  report({happening::kind::finished, index, 0, std::move(crash)});
}

void supervisor_actor::abort() {
  {
    const std::lock_guard lock{lock_};
    aborted_ = true;
  }
  wake();
}

void supervisor_actor::never_spawned(std::size_t workers) {
  bool last = false;
  {
    const std::lock_guard lock{lock_};
    finished_ += workers;
    last = crashed_ && finished_ == workers_.size();
  }
  wake();
  if (last)
    report_.all_finished();
}

std::uint64_t supervisor_actor::restarts(std::size_t index) const {
  const std::lock_guard lock{lock_};
  return decides_.restarts(index);
}

std::vector<worker_restart> supervisor_actor::last_restarts(std::size_t index) const {
  const std::lock_guard lock{lock_};
  const auto found = history_.find(index);
  if (found == history_.end())
    return {};
  return {found->second.restarts.begin(), found->second.restarts.end()};
}

/// Requires lock_. What has not failed itself shares the restart of what failed last.
void supervisor_actor::remember(const std::vector<supervisor_step>& steps) {
  for (const auto& step : steps) {
    if (step.what != supervisor_step::kind::start)
      continue;
    auto& known = history_[step.child];
    auto why = std::exchange(known.failed_by, {});
    known.restarts.push_back(
        {node_.wall_clock(), why.empty() ? "restarted with " + failed_last_ : std::move(why)});
    if (known.restarts.size() > restarts_kept)
      known.restarts.pop_front();
  }
}

activity supervisor_actor::turn() {
  std::vector<happening> happened;
  std::vector<supervisor_step> steps;
  std::vector<failure> failed;
  std::optional<failure> escalated;
  std::optional<time_point> next;
  bool all_finished = false;
  {
    const std::lock_guard lock{lock_};
    happened.swap(happened_);
    all_finished = finished_ == workers_.size();
    const auto now = node_.now();
    const auto add = [&](std::vector<supervisor_step> more) {
      steps.insert(steps.end(), more.begin(), more.end());
    };
    for (auto& one : happened) {
      switch (one.what) {
      case happening::kind::failed:
        failed.push_back(*one.why);
        history_[one.child].failed_by = one.why->message();
        failed_last_ = "'" + decides_.spec(one.child).id + "': " + one.why->message();
        add(decides_.exited(one.child, exit_reason::failed, one.charge, std::move(*one.why), now,
                            node_.random()));
        break;
      case happening::kind::stopped:
        add(decides_.stopped(one.child, now));
        break;
      case happening::kind::recovered:
        decides_.recovered(one.child);
        break;
      case happening::kind::finished:
        decides_.ended(one.child);
        if (one.why)
          escalated = std::move(one.why);
        break;
      }
    }
    add(decides_.due(now));
    if (aborted_)
      steps.clear();
    remember(steps);
    if (!aborted_)
      next = decides_.next_due();
    if (!escalated && !steps.empty() && steps.back().what == supervisor_step::kind::escalate)
      escalated = decides_.escalated();
  }
  carry_out(steps);
  for (const auto& why : failed)
    report_.worker_failed(why);
  if (escalated)
    report_.escalated(*escalated);
  if (all_finished) {
    report_.all_finished();
    return activity::finished();
  }
  return activity::asleep(next);
}

void supervisor_actor::carry_out(const std::vector<supervisor_step>& steps) {
  for (const auto& step : steps) {
    switch (step.what) {
    case supervisor_step::kind::start:
      workers_[step.child]->start();
      break;
    case supervisor_step::kind::stop:
      workers_[step.child]->stop();
      break;
    default:
      break; // escalate is reported by the turn; workers are never killed
    }
  }
}

void supervisor_actor::crashed(failure why) noexcept {
  report_.escalated(why);
  bool all_finished = false;
  {
    const std::lock_guard lock{lock_};
    crashed_ = true;
    all_finished = finished_ == workers_.size();
  }
  if (all_finished)
    report_.all_finished();
}

} // namespace weir::internal
