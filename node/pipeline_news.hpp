#pragma once

#include <weir/actors/child_event.hpp>
#include <weir/actors/token_bucket.hpp>
#include <weir/dead_letters/replay.hpp>
#include <weir/node/descriptor.hpp>
#include <weir/node/log.hpp>
#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace weir::internal {

/// What pipelines and trees tell from their threads, until the node's thread logs it: failures, replays, what becomes
/// of children, and that something has ended.
///
/// Owner: any thread tells; the node's thread logs.
/// Invariants: whoever tells does not wait for the log. A flood of failures takes bounded memory and few lines: beyond
/// the permits they are only counted.
/// Failure: a system_error if there is no descriptor to wake the node's thread by.
class pipeline_news {
public:
  explicit pipeline_news(token_bucket::time_point now);

  void worker_failed(const failure& why, token_bucket::time_point now);
  void replay(const std::string& pipeline, const replay_run& run);
  /// `restarted`: it has started, and not for the first time.
  void child(const std::string& path, const child_event& event, bool restarted);
  void ended();

  /// Readable while there is something new: for poll.
  int readable() const noexcept { return wakes_.get(); }
  /// From now on only what comes later makes it readable.
  void seen();
  /// Logs what was told since the last time.
  void log_to(log& to);

private:
  struct replay_news {
    std::string pipeline;
    bool finished;
    replay_outcome outcome;
  };

  struct child_line {
    std::string path;
    child_event event;
    bool restarted;
  };

  void log_failures(log& to);
  void log_children(log& to);
  void log_replays(log& to);

  const descriptor wakes_;
  std::mutex lock_; // guards what follows
  std::vector<failure> failures_;
  std::vector<replay_news> replays_;
  std::vector<child_line> children_;
  std::uint64_t failures_left_out_ = 0;
  std::uint64_t children_left_out_ = 0;
  token_bucket failure_permits_;
};

} // namespace weir::internal
