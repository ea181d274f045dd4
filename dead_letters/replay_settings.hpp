#pragma once

#include <weir/actors/token_bucket.hpp>

#include <chrono>

namespace weir {

/// How a pipeline replays what others ask its store of dead letters for, a command line tool for instance.
struct replay_settings {
  /// How often the store is asked for letters to replay, 1 s to a year; also at the start, and on
  /// running_pipeline::look_for_replays. Only where the store outlives the process: nobody else can ask another.
  std::chrono::milliseconds look_every{5000};
  rate_limit rate = {}; ///< letters put in; no limit but credit by default
  /// A letter whose payload was made from another type than its stage takes stays; false where only the name of the
  /// type has changed.
  bool check_type = true;
};

} // namespace weir
