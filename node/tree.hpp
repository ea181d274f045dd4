#pragma once

#include <weir/actors/child_answer.hpp>
#include <weir/actors/child_count.hpp>
#include <weir/actors/supervisor_options.hpp>
#include <weir/pipeline/pipeline.hpp>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::internal {
class running_trees;
} // namespace weir::internal

namespace weir {

class supervisor;
class tree_ref;

/// A supervision tree as a part of a program: what a node makes a weir::supervisor of, and runs.
///
/// ```
/// weir::tree sessions{"sessions", {.supervision = {.strategy = weir::dynamic},
///                                  .children = {{.id = "session", .restart = weir::restart::temporary}}}};
/// weir::tree server{"server"};
/// server.add_pipeline("store", make_store)
///     .add(sessions)
///     .add({.id = "listener", .start = weir::thread_child(accept)});
/// node.run(server);
/// ```
///
/// Its children start in the order in which they were added, and stop in the reverse order. A tree never runs twice at a
/// time. Owner: any thread builds it, one at a time. Copies have the same supervisor once one of them runs.
class tree {
public:
  /// The children of the options come first. Of a dynamic tree they are the one spec of all that come and go.
  explicit tree(std::string name, supervisor_options options = {});

  tree& add(child_spec child);
  /// A whole tree as a child.
  tree& add(tree below, weir::restart restart = restart::permanent);
  /// A pipeline as a child, made anew by `make` for each start: see pipeline_child.hpp. It drains when it is told to
  /// stop, for as long as the node drains. Its ledger is in the node's report, and counts for the exit code.
  tree& add_pipeline(std::string id, std::function<pipeline()> make,
                     weir::restart restart = restart::transient);

  const std::string& name() const noexcept { return name_; }
  /// Reaches the children while it runs. May be taken at any time.
  tree_ref ref() const;
  /// What keeps it from running, a sentence each; empty if nothing does. Of the pipelines' graphs it says nothing.
  std::vector<std::string> validate() const;
  /// Makes each of the pipelines once, also those of the trees below. What `make` throws passes through.
  std::vector<pipeline> make_pipelines() const;

private:
  friend class internal::running_trees;
  friend class tree_ref;

  struct link; // to the supervisor
  struct entry {
    child_spec spec;
    std::function<pipeline()> make{};  // of a pipeline
    std::shared_ptr<const tree> below; // of a tree
  };

  /// What its supervisor is made of, without its children; a dynamic one has its spec there.
  supervisor_options options() const { return options_; }
  void runs_as(supervisor* one) const; // null: it does not run any more

  std::string name_;
  supervisor_options options_;
  std::vector<entry> children_;
  std::shared_ptr<link> link_;
};

/// Adds children to a tree that runs, and takes them away. Copies are the same.
///
/// Any thread, at any time; nothing waits: see supervisor.hpp. While the tree does not run, every answer is
/// child_answer::kind::ended.
class tree_ref {
public:
  std::future<child_answer> start_child(child_spec spec) const;
  /// Another child of the one spec of a dynamic tree, started by `start` if that is given.
  std::future<child_answer> start_child(start_function start = {}) const;
  std::future<child_answer> terminate_child(std::string_view id) const;
  std::future<child_answer> terminate_child(child_ref which) const; ///< of a dynamic tree
  child_count count_children() const;

private:
  friend class tree;
  explicit tree_ref(std::shared_ptr<tree::link> to) : link_{std::move(to)} {}
  template <class Ask>
  std::future<child_answer> ask(Ask what) const;

  std::shared_ptr<tree::link> link_;
};

} // namespace weir
