#pragma once

#include <cstdint>

namespace weir::internal {

/// A child of one supervisor, in the order of its start. It names the child, not the instance that runs.
using child_key = std::uint64_t;

} // namespace weir::internal
