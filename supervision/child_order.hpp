#pragma once

namespace weir::internal {

/// How the children of a supervisor are started and stopped.
enum class child_order {
  one_by_one, ///< each once the one before it is there, or gone: a user's tree
  at_once     ///< the orders go out in their order, and nobody waits: the workers of a pipeline
};

} // namespace weir::internal
