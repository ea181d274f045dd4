#pragma once

#include <weir/node/exit_codes.hpp>
#include <weir/node/input_progress.hpp>
#include <weir/node/node_settings.hpp>
#include <weir/pipeline/pipeline.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

/// One running process: it runs pipelines and supervision trees until they are done, or until it is told to stop.
namespace weir {

struct node_view; // <weir/node/node_view.hpp>
struct parts;     // <weir/node/parts.hpp>
struct run_report;

/// Runs pipelines and trees to their end, with everything a service needs around them.
///
/// SIGINT or SIGTERM drains: the sources stop, what is in flight is finished, within `drain_timeout`; what is
/// left then is aborted and stays unacknowledged. A second signal aborts at once. Both signals stay blocked
/// until the process exits, so that a late one can't change the exit code.
/// When a pipeline fails or a tree escalates, the others are drained in the same way.
///
/// The pipelines start first, then the trees, and a drain tells the trees first: their children stop in the reverse
/// order. The pipelines are told when the trees have ended, or half of `drain_timeout` is over. At the end of it the
/// children that are left are killed. Pipelines in the trees count for the exit code as the others do. The trees are
/// done when all their children have ended and none will be restarted; until one has started they wait.
/// What runs can be looked at as one tree: see view().
/// Owner: `main`. One at a time in a process, made before other threads: it takes over the signals.
class node {
public:
  /// `input` tells how much of the input was read, where that is known: for progress and ETA. Parts may bring their own.
  ///
  /// With `heart` this returns only in the child: the parent waits here for its child, and exits as that does.
  explicit node(node_settings settings, std::function<std::optional<input_progress>()> input = {});
  node(const node&) = delete;
  node& operator=(const node&) = delete;
  ~node();

  /// Returns the exit code. Logs and progress go to standard error, the report to standard output.
  int run(std::vector<pipeline> pipelines);
  int run(pipeline one);
  /// Also of one tree. This and what follows need <weir/node/parts.hpp>.
  int run(parts all);
  /// Several pipelines and trees.
  template <class First, class Second, class... More, class All = parts>
  int run(First first, Second second, More... more) {
    return run(All{std::move(first), std::move(second), std::move(more)...});
  }

  /// The last run's report: report.hpp.
  const run_report& report() const;

  /// What can be seen of it and of all that it runs. Any thread, also while it runs; not during its destruction.
  node_view view() const;

private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace weir
