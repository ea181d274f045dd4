#pragma once

#include <weir/node/part_view.hpp>
#include <weir/supervision/time_point.hpp>

#include <functional>
#include <vector>

namespace weir {

/// What can be seen of a node: the root from which everything that it runs is reached, its pipelines and its trees with
/// their children, down to the workers of each pipeline. The parts are read one after the other while they run, so they
/// agree exactly only when all of them are at rest.
struct node_view {
  enum class state {
    idle,    ///< it does not run, or no longer
    running, ///< so it is also while the parts start, and those are seen that have begun
    draining,
    aborting
  };

  state now = state::idle;
  time_point seen_at{}; ///< by the node's clock
  std::vector<part_view>
      children; ///< the pipelines come first, then the trees: in the order in which they start
};

/// Calls `what` with the life of each pipeline that runs, and with the part that has it: also with those of the trees.
void for_each_pipeline(const node_view& all,
                       const std::function<void(const part_view&, const life_view&)>& what);

} // namespace weir
