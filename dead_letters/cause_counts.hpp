#pragma once

#include <weir/dead_letters/dead_letter_queue.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace weir::internal {

/// Counts dead letters by stage and cause, as they are stored.
///
/// Owner: the dead-letter actor, under its lock.
/// Invariants: there are at most dead_letter_queue::causes_max different ones; the rest is counted as other_causes, one
/// for each stage.
class cause_counts {
public:
  void add(const dead_letter& letter);
  /// The most frequent first.
  std::vector<dead_letter_count> by_frequency() const;

private:
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts_; // by stage and cause
};

} // namespace weir::internal
