#pragma once

#include <weir/node/child_restart.hpp>
#include <weir/node/life_view.hpp>
#include <weir/supervision/child_now.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

/// What can be seen of a part of a node, and of what is below it: a pipeline, a tree, or a child of a tree.
struct part_view {
  enum class kind {
    pipeline,
    tree, ///< it has children
    child ///< of a tree: anything else that it starts
  };

  std::string path; ///< "server/sessions"; a pipeline beside the trees has its name alone
  kind what = kind::child;
  child_now now = child_now::down;
  std::uint64_t restarts = 0; ///< by its supervisor
  /// The oldest first, at most child_restarts_kept. Children of a dynamic tree have one path, and so these in common.
  std::vector<child_restart> last_restarts;
  std::string last_failure; ///< empty if there was none
  /// Of a pipeline: its life, while one runs; what a node runs beside the trees can be seen until the node has ended. A
  /// dynamic tree has here the pipelines that are its children, since their path does not tell them apart.
  std::vector<life_view> lives;
  std::vector<part_view> children; ///< of a tree, in the order in which they start
};

} // namespace weir
