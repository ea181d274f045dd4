#pragma once

#include <weir/mailbox/ledger.hpp>
#include <weir/supervision/process_death.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What a run did: the ledger and the stages of every pipeline, and how it ended.
namespace weir {

struct latency_quantiles {
  double p50 = 0; ///< seconds
  double p99 = 0; ///< seconds
};

struct stage_report {
  std::string stage = {};
  std::uint64_t processed = 0;
  std::uint64_t failed = 0;
  std::uint64_t restarts = 0;
  double busy = 0;    ///< share of the wall time, 0..1; the three add up to 1
  double blocked = 0; ///< without credit
  double idle = 0;    ///< with nothing to do
  latency_quantiles latency = {};
  std::uint64_t backlog_max = 0;      ///< items
  std::uint64_t mailbox_capacity = 0; ///< items; 0 of a source, which has no mailbox
};

/// Dead letters of one stage with one cause.
struct dead_letter_cause {
  std::string stage = {};
  std::string cause = {};
  std::uint64_t count = 0;
};

/// A stuck run that was abandoned and still went on at the end.
struct abandoned_run {
  std::string stage = {};
  std::string worker = {};
  double seconds = 0; ///< since it was abandoned
};

/// A worker in a call that had not returned when the report was made.
struct hanging_worker {
  std::string stage = {};
  std::string worker = {};
  double seconds = 0; ///< since its turn began
};

struct pipeline_report {
  std::string pipeline = {};
  double elapsed_seconds = 0;
  ledger_totals ledger = {};
  std::vector<stage_report> stages = {};                  ///< upstream first
  std::vector<dead_letter_cause> dead_letter_causes = {}; ///< most frequent first
  std::vector<abandoned_run> abandoned = {};
  std::vector<hanging_worker> hanging = {}; ///< for at least a second
};

/// A child of a tree. Children of a dynamic tree have one id, so they are counted together.
struct tree_child_report {
  std::string path = {}; ///< "server/sessions/session"
  /// How it stood at the end: running, ended, failed, killed, abandoned or ignored; empty if it never started.
  std::string state = {};
  std::uint64_t starts = 0;   ///< that succeeded, restarts included
  std::uint64_t restarts = 0; ///< of these, by its supervisor
  std::uint64_t failures = 0;
  std::string last_failure = {}; ///< empty if there was none
  std::optional<pipeline_report> pipeline =
      {};                             ///< of the last life; but the ledger is of all of them
  std::uint64_t lives = 0;            ///< of the pipeline
  std::uint64_t in_flight_before = 0; ///< items of the ledger that an earlier life left in flight
};

struct tree_report {
  std::string tree = {};
  std::string state = {}; ///< as of a child
  std::string last_failure = {};
  std::vector<tree_child_report> children = {}; ///< by path
  std::uint64_t children_left_out =
      0; ///< what was not kept of children beyond the bound, of all trees
};

struct run_outcome {
  int exit_code = 0;
  std::string sentence = {}; ///< "drained and balanced"
};

struct run_report {
  std::vector<pipeline_report> pipelines = {};
  std::vector<tree_report> trees = {};
  /// Of processes that worked on the same before this one, the oldest first; empty where nothing is recorded.
  std::optional<std::vector<internal::process_death>> deaths = {};
  run_outcome outcome = {};
};

} // namespace weir
