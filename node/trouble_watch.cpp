#include <weir/node/in_a_call.hpp>
#include <weir/node/trouble_watch.hpp>

#include <algorithm>
#include <utility>

namespace weir::internal {

void trouble_watch::look(const std::function<node_view()>& view, time_point now, log& to) {
  if (now - looked_ < period)
    return;
  looked_ = now;
  seen all;
  for_each_pipeline(view(), [&](const part_view& part, const life_view& one) {
    look_at(part.path, one, all, to);
  });
  before_ = std::move(all);
}

void trouble_watch::look_at(const std::string& path, const life_view& one, seen& now,
                            log& to) const {
  const auto& snapshot = one.does;
  if (!snapshot.dead_letters_trouble.empty())
    to.write(log::level::warning, "dead letters are refused",
             {{"pipeline", path},
              {"waiting", std::to_string(snapshot.dead_letters_waiting)},
              {"why", snapshot.dead_letters_trouble}});
  for (const auto& stage : snapshot.stages) {
    const auto life = path + "/" + std::to_string(one.life) + "/";
    const auto before = before_.runs_failed.find(life + stage.stage);
    const auto known = before != before_.runs_failed.end() ? before->second : 0;
    now.runs_failed[life + stage.stage] = stage.failed;
    if (const auto more = stage.failed - std::min(known, stage.failed); more > 0)
      to.write(log::level::warning, "runs failed",
               {{"pipeline", path},
                {"stage", stage.stage},
                {"count", std::to_string(more)},
                {"last", stage.last_failure}});
    for (const auto& worker : stage.workers) {
      if (worker.does == waiting_as::retry && snapshot.seen_at - worker.since >= long_pause) {
        now.long_pauses[life + worker.name] = worker.since;
        const auto told = before_.long_pauses.find(life + worker.name);
        if (told == before_.long_pauses.end() || told->second != worker.since)
          to.write(log::level::warning,
                   "a worker waits for more than a minute before it tries again",
                   {{"pipeline", path}, {"worker", worker.name}, {"last", worker.last_failure}});
      }
      if (const auto time = in_a_call_for(worker, snapshot.seen_at); time && *time >= period)
        to.write(
            log::level::warning, "a worker is in a call that does not return",
            {{"pipeline", path},
             {"worker", worker.name},
             {"seconds", std::to_string(std::chrono::floor<std::chrono::seconds>(*time).count())}});
    }
    if (!stage.waits_for.empty()) // nothing else will end that
      to.write(log::level::warning, "a stage takes nothing any more",
               {{"pipeline", path}, {"stage", stage.stage}, {"waits_for", stage.waits_for}});
  }
}

} // namespace weir::internal
