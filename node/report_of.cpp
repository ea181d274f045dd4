#include <weir/node/in_a_call.hpp>
#include <weir/node/report_of.hpp>

namespace weir::internal {

using namespace std::chrono_literals;

pipeline_report report_of(const running_pipeline& one, std::chrono::duration<double> elapsed,
                          std::chrono::system_clock::time_point now) {
  const auto snapshot = one.snapshot();
  pipeline_report report{
      .pipeline = snapshot.pipeline, .elapsed_seconds = elapsed.count(), .ledger = snapshot.ledger};
  for (const auto& stage : snapshot.stages)
    report.stages.push_back({.stage = stage.stage,
                             .processed = stage.processed,
                             .failed = stage.failed,
                             .restarts = stage.restarts,
                             .busy = stage.busy,
                             .blocked = stage.blocked,
                             .idle = stage.idle,
                             .latency = {std::chrono::duration<double>{stage.latency_p50}.count(),
                                         std::chrono::duration<double>{stage.latency_p99}.count()},
                             .backlog_max = stage.backlog_max,
                             .mailbox_capacity = stage.mailbox_capacity});
  for (auto& cause : one.dead_letter_causes())
    report.dead_letter_causes.push_back({cause.stage, cause.cause, cause.count});
  for (const auto& run : snapshot.abandoned)
    report.abandoned.push_back(
        {run.stage, run.worker, std::chrono::duration<double>{now - run.since}.count()});
  for (const auto& stage : snapshot.stages)
    for (const auto& worker : stage.workers)
      if (const auto time = in_a_call_for(worker, snapshot.seen_at); time && *time >= 1s)
        report.hanging.push_back(
            {stage.stage, worker.name, std::chrono::duration<double>{*time}.count()});
  return report;
}

} // namespace weir::internal
