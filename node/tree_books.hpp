#pragma once

#include <weir/actors/child_event.hpp>
#include <weir/mailbox/ledger.hpp>
#include <weir/node/child_restart.hpp>
#include <weir/node/life_view.hpp>
#include <weir/node/run_report.hpp>
#include <weir/pipeline/running_pipeline.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace weir::internal {

/// What the children of the trees did, by their paths ("server/sessions/session"), and the books of the pipelines among
/// them. Children of a dynamic tree have one id, so they have one line together; the report has the pipeline of them
/// that began last.
///
/// Owner: any thread. Bounded: `paths_max` children; of more only their number is kept.
/// Invariants: a pipeline is looked at only between the begin and the end of one of its lives. The ledger of a pipeline
/// is the sum over its lives.
class tree_books {
public:
  static constexpr std::size_t paths_max = 1000;

  /// `restarted`: it has started, and not for the first time.
  void hear(const std::string& path, const child_event& event,
            const std::optional<child_restart>& restarted = {});
  /// A child that is no supervisor was killed.
  void killed();

  void begun(const std::string& path, const running_pipeline& one,
             std::chrono::steady_clock::time_point now);
  void over(const std::string& path, const running_pipeline& one,
            std::chrono::steady_clock::time_point now, std::chrono::system_clock::time_point wall);

  /// How all the pipelines stand.
  struct totals {
    ledger_totals ledger{};
    std::uint64_t in_flight_before =
        0;                ///< items of it that an earlier life left, for a later one to read again
    bool balanced = true; ///< each life is, of those that are over
    bool settled_twice = false;
    bool lives = false; ///< one of them still runs
  };
  totals pipelines() const;

  /// The lives of its pipelines that are not over.
  std::vector<life_view> lives_of(const std::string& path) const;
  /// When it was restarted, and why: the last child_restarts_kept times.
  std::vector<child_restart> last_restarts_of(const std::string& path) const;

  /// Has any child ever started?
  bool any_started() const;
  /// Children that had to be killed; supervisors are none.
  std::uint64_t count_killed() const;

  /// Of the children below `tree`, in the order of their paths.
  std::vector<tree_child_report> children_of(const std::string& tree,
                                             std::chrono::steady_clock::time_point now,
                                             std::chrono::system_clock::time_point wall) const;
  /// Of the child itself; nothing if it was not heard of.
  std::optional<tree_child_report> child(const std::string& path) const;
  std::uint64_t left_out() const;

private:
  struct life {
    std::uint64_t number;
    const running_pipeline* runs;
    std::chrono::steady_clock::time_point began;
  };
  struct life_books {
    std::vector<life> running; // of a dynamic tree there may be several at a time, else one at most
    std::uint64_t lives = 0;
    ledger_totals earlier{};            // of the lives that are over
    std::uint64_t in_flight_last = 0;   // of the last one that is over
    std::uint64_t in_flight_before = 0; // of those before it
    bool balanced = true;
    bool settled_twice = false;
    pipeline_report last{}; // of the last life that is over
  };
  struct record {
    tree_child_report seen{};
    std::optional<life_books> pipeline{};
    std::vector<child_restart> last_restarts{}; // the oldest first
  };

  record* find_or_add(const std::string& path);
  tree_child_report report_on(const record& one, std::chrono::steady_clock::time_point now,
                              std::chrono::system_clock::time_point wall) const;

  mutable std::mutex lock_; // guards what follows
  std::map<std::string, record> records_;
  std::uint64_t left_out_ = 0;
  std::uint64_t killed_ = 0;
  bool any_started_ = false;
};

} // namespace weir::internal
