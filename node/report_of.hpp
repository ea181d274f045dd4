#pragma once

#include <weir/node/run_report.hpp>
#include <weir/pipeline/running_pipeline.hpp>

#include <chrono>

namespace weir::internal {

/// What a pipeline did so far, for the report: `elapsed` since the run began, and `now` by the clock on the wall.
pipeline_report report_of(const running_pipeline& one, std::chrono::duration<double> elapsed,
                          std::chrono::system_clock::time_point now);

} // namespace weir::internal
