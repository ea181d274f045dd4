#pragma once

#include <weir/stages/item_run.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace weir::internal {

/// The runs that a worker has left to themselves, as far as anybody asks about them.
/// Owner: any thread.
/// Invariants: a run that goes on is kept by whoever carries it out, never by this.
class abandoned_runs {
public:
  using instant = std::chrono::system_clock::time_point;

  /// A run goes on without its worker from `now` on.
  void add(const std::shared_ptr<const item_run>& run, instant now);

  /// How many there were, also those that have ended.
  std::uint64_t ever() const;
  /// Since when those go on that have not ended yet.
  std::vector<instant> since() const;

private:
  struct abandoned_run {
    instant since;
    std::weak_ptr<const item_run> run;
    bool over() const;
  };

  mutable std::mutex lock_; // guards what follows
  std::vector<abandoned_run> runs_;
  std::uint64_t ever_ = 0;
};

} // namespace weir::internal
