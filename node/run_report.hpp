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

struct pipeline_report {
  std::string pipeline = {};
  double elapsed_seconds = 0;
  ledger_totals ledger = {};
  std::vector<stage_report> stages = {};                  ///< upstream first
  std::vector<dead_letter_cause> dead_letter_causes = {}; ///< most frequent first
  std::vector<abandoned_run> abandoned = {};
};

struct run_outcome {
  int exit_code = 0;
  std::string sentence = {}; ///< "drained and balanced"
};

struct run_report {
  std::vector<pipeline_report> pipelines = {};
  /// Of processes that worked on the same before this one, the oldest first; empty where nothing is recorded.
  std::optional<std::vector<process_death>> deaths = {};
  run_outcome outcome = {};
};

} // namespace weir
