#include <weir/node/in_a_call.hpp>
#include <weir/node/trouble_watch.hpp>

#include <algorithm>
#include <utility>

namespace weir::internal {

void trouble_watch::look(const std::function<node_view()>& view, time_point now, log& to) {
  if (now - looked_ < period)
    return;
  looked_ = now;
  counts seen;
  for_each_pipeline(view(), [&](const part_view& part, const life_view& one) {
    look_at(part.path, one, seen, to);
  });
  runs_failed_ = std::move(seen);
}

void trouble_watch::look_at(const std::string& path, const life_view& one, counts& runs_failed,
                            log& to) const {
  const auto& snapshot = one.does;
  if (!snapshot.dead_letters_trouble.empty())
    to.write(log::level::warning, "dead letters are refused",
             {{"pipeline", path},
              {"waiting", std::to_string(snapshot.dead_letters_waiting)},
              {"why", snapshot.dead_letters_trouble}});
  for (const auto& stage : snapshot.stages) {
    const auto which = path + "/" + std::to_string(one.life) + "/" + stage.stage;
    const auto before = runs_failed_.find(which);
    const auto known = before != runs_failed_.end() ? before->second : 0;
    runs_failed[which] = stage.failed;
    if (const auto more = stage.failed - std::min(known, stage.failed); more > 0)
      to.write(log::level::warning, "runs failed",
               {{"pipeline", path},
                {"stage", stage.stage},
                {"count", std::to_string(more)},
                {"last", stage.last_failure}});
    for (const auto& worker : stage.workers)
      if (const auto time = in_a_call_for(worker, snapshot.seen_at); time && *time >= period)
        to.write(
            log::level::warning, "a worker is in a call that does not return",
            {{"pipeline", path},
             {"worker", worker.name},
             {"seconds", std::to_string(std::chrono::floor<std::chrono::seconds>(*time).count())}});
    if (!stage.waits_for.empty()) // nothing else will end that
      to.write(log::level::warning, "a stage takes nothing any more",
               {{"pipeline", path}, {"stage", stage.stage}, {"waits_for", stage.waits_for}});
  }
}

} // namespace weir::internal
