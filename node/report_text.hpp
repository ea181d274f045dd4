#pragma once

#include <weir/node/run_report.hpp>
#include <weir/node/terminal.hpp>

#include <cstddef>
#include <string>

namespace weir::internal {

/// The report for a person: a page for a terminal of `report_columns`. Ends in a new line.
std::string to_text(const run_report& report, charset shown);
inline constexpr std::size_t report_columns = 100;

} // namespace weir::internal
