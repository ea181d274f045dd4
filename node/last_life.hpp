#pragma once

#include <weir/node/log.hpp>
#include <weir/supervision/failure.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <memory>
#include <string>

namespace weir::internal {

/// Opens the flight recorder in the file at `path`, for the process that runs `program`, and logs what the last process
/// left behind in it: that it died, and what it had in hand.
/// Failure: the file can't be used.
result<std::unique_ptr<flight_recorder>> open_recorder(const std::string& path,
                                                       const std::string& program, log& into);

} // namespace weir::internal
