#pragma once

#include <weir/node/run_report.hpp>

#include <string>

namespace weir {

/// The report for a program, as JSON. Of one pipeline it is {"pipeline", "elapsed_seconds", "ledger", "stages",
/// "dead_letter_causes", "abandoned", "outcome"}, of any other number of them {"pipelines": [the same without
/// "outcome"], "outcome"}. Where there are trees, "trees": [{"tree", "state", "last_failure", "children": [{"path", "state",
/// "starts", "restarts", "failures", "last_failure"}]}] comes next; a child that is a pipeline has "lives",
/// "in_flight_before" and "pipeline" too. Where there is a flight recorder, "deaths": [{"at", "pid", "cause",
/// "in_hand"}] comes before "outcome". Ends in a new line.
std::string to_json(const run_report& report);

} // namespace weir
