#pragma once

#include <weir/node/node_settings.hpp>

namespace weir::internal {

/// Settles in which process the pipelines run, and returns the settings there, with durations within their bounds.
/// Where the process is to be kept alive, that is the child: its parent waits in here, and exits as that does.
///
/// Owner: `main`, before there are other threads.
node_settings alive(node_settings settings);

} // namespace weir::internal
