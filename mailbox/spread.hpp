#pragma once

namespace weir::internal {

/// How items leave a worker for the workers of one next stage.
enum class spread {
  any,     ///< to the one with the most credit
  by_key,  ///< by a hash of the item's key
  straight ///< to the one worker with the same index
};

} // namespace weir::internal
