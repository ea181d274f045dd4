#pragma once

#include <weir/node/report_json.hpp>
#include <weir/node/report_text.hpp>
#include <weir/node/run_report.hpp>
#include <weir/supervision/failure.hpp>

#include <string>

/// The report of a run, as it leaves the process: as a page, as JSON, and as a file.
namespace weir::internal {

/// Writes the report as JSON. A file that is there is replaced as a whole, after the new one is on
/// the disk; what is no regular file (a terminal, a pipe, a symbolic link) is written to where it
/// is.
result<void> write_report(const std::string& path, const run_report& report);

} // namespace weir::internal
