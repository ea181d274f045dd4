#pragma once

#include <weir/actors/rate_limiter.hpp>
#include <weir/actors/runtime.hpp>
#include <weir/actors/supervisor.hpp>
#include <weir/node/part_view.hpp>
#include <weir/node/pipeline_news.hpp>
#include <weir/node/run_report.hpp>
#include <weir/node/tree.hpp>
#include <weir/node/tree_books.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace weir::internal {

/// The trees that a node runs: a supervisor for each, and those below, under one supervisor of the node. That one does
/// not restart them: a tree that escalates has failed.
///
/// Owner: the node's thread; the supervisors and their children run on threads of the runtime.
/// Invariants: what its children did is told to the node's news as it happens, and is in the books by the time that
/// the trees have ended.
class running_trees {
public:
  /// Dead letters that others ask for are replayed at `replay_rate` a second; 0: as each pipeline says. `news` must
  /// outlive the runtime's threads.
  running_trees(runtime& node, pipeline_news& news, std::uint32_t replay_rate)
      : node_{node}, news_{news}, replay_rate_{replay_rate} {}
  running_trees(const running_trees&) = delete;
  running_trees& operator=(const running_trees&) = delete;
  /// Stops what still runs, and waits for it; but not for children that were abandoned.
  ~running_trees();

  /// Begins to start them, in their order. Once. What their pipelines have in hand is recorded in `recorder`, if there
  /// is one, which must outlive the runtime. Failure: they can't be started, as they are; then nothing runs.
  result<void> start(std::vector<tree> all, flight_recorder* recorder = nullptr);

  /// Tells the trees to stop, the last first. At once.
  void stop();
  /// Ends their children by force.
  void kill();

  /// There are none, or all of them have ended, with their children.
  bool all_ended() const;
  /// They run, and one of them has neither ended nor begun to end by a failure.
  bool any_healthy() const;
  /// They have all started, and all their children have ended for good.
  bool nothing_left() const;

  struct escalation {
    std::string tree;
    failure why;
  };
  /// The first tree that failed, from when it begins to stop its children.
  std::optional<escalation> failed() const;

  const tree_books& books() const noexcept { return *books_; }
  /// Children that are abandoned and still run: their threads can't be joined.
  bool any_abandoned() const;
  std::vector<tree_report> report() const;
  /// What can be seen of each tree, and of what is below it. Any thread, once `start` has returned.
  std::vector<part_view> view() const;

private:
  struct member {
    std::string path;
    std::unique_ptr<supervisor> one;
    std::set<std::string> trees_below; // their ids
    bool is_root;
    tree part;
  };

  supervisor& make(const tree& from, const std::string& path, bool is_root);
  child_spec spec_of(const tree::entry& one, const std::string& path);
  start_function start_of_pipeline(const std::string& path, std::function<pipeline()> from);
  void hear(member& who, const child_event& event);
  const member* find(const std::string& path) const;
  part_view view_of(const child_view& seen, const std::string& path) const;
  void look_below(const member& tree, part_view& into) const;

  runtime& node_;
  pipeline_news& news_;
  const std::uint32_t replay_rate_;
  flight_recorder* recorder_ = nullptr; // null: nothing is recorded
  const std::shared_ptr<tree_books> books_ =
      std::make_shared<tree_books>();            // outlives what is abandoned
  std::vector<std::unique_ptr<member>> members_; // those below first
  std::unique_ptr<supervisor> top_;              // null: there are no trees
  std::optional<child> as_child_;                // the top one
  std::vector<std::string> names_;
  std::set<std::string> pipelines_; // the paths of pipelines

  mutable std::mutex lock_;
  std::optional<escalation> escalated_; // guarded by lock_
};

} // namespace weir::internal
