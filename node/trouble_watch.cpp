#include <weir/node/in_a_call.hpp>
#include <weir/node/trouble_watch.hpp>

#include <utility>

namespace weir {

void trouble_watch::look(std::span<const std::unique_ptr<running_pipeline>> at, time_point now,
                         log& to) {
  if (now - looked_ < period)
    return;
  looked_ = now;
  for (const auto& one : at)
    look_at(*one, to);
}

void trouble_watch::look_at(const running_pipeline& one, log& to) {
  const auto snapshot = one.snapshot();
  if (!snapshot.dead_letters_trouble.empty())
    to.write(log::level::warning, "dead letters are refused",
             {{"pipeline", snapshot.pipeline},
              {"waiting", std::to_string(snapshot.dead_letters_waiting)},
              {"why", snapshot.dead_letters_trouble}});
  for (const auto& stage : snapshot.stages) {
    auto& seen = runs_failed_[snapshot.pipeline + "/" + stage.stage];
    if (const auto more = stage.failed - std::exchange(seen, stage.failed); more > 0)
      to.write(log::level::warning, "runs failed",
               {{"pipeline", snapshot.pipeline},
                {"stage", stage.stage},
                {"count", std::to_string(more)},
                {"last", stage.last_failure}});
    for (const auto& worker : stage.workers)
      if (const auto time = in_a_call_for(worker, snapshot.seen_at); time && *time >= period)
        to.write(
            log::level::warning, "a worker is in a call that does not return",
            {{"pipeline", snapshot.pipeline},
             {"worker", worker.name},
             {"seconds", std::to_string(std::chrono::floor<std::chrono::seconds>(*time).count())}});
    if (!stage.waits_for.empty()) // nothing else will end that
      to.write(log::level::warning, "a stage takes nothing any more",
               {{"pipeline", snapshot.pipeline},
                {"stage", stage.stage},
                {"waits_for", stage.waits_for}});
  }
}

} // namespace weir
