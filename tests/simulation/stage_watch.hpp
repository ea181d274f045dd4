#pragma once

#include "scenario.hpp"
#include "thing.hpp"

#include <weir/actors/clock.hpp>
#include <weir/dead_letters/dead_letter.hpp>
#include <weir/stages/batch.hpp>

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace simulation {

class world;

/// The part of the oracle that looks at stages: how often and when each runs an item, with which state, whether it
/// was started anew where it had to be, and what is in a batch.
///
/// Told by the functions of stages, sources and sinks, which are replaced with each restart; this is not.
class stage_watch {
public:
  stage_watch(const scenario& of, world& in) : of_{of}, in_{in} {}

  void begin_life();

  // --- what functions tell -----------------------------------------------------------------------------

  /// A fresh function begins.
  void started(place at, std::uint32_t worker);
  void run_begins(place at, std::uint32_t worker, const thing& one);
  /// Null: it succeeded. What was thrown counts as fatal.
  void run_ends(place at, const thing& one, const weir::failure* why);
  /// Something succeeded there that is no run of an item.
  void succeeded(place at) { doubts_.erase(at); }

  /// A stage with state: it was kept; it is what a fresh function goes on with.
  void kept(place at, std::uint32_t worker, std::uint64_t state);
  void goes_on_with(place at, std::uint32_t worker, std::uint64_t state);
  /// A stage wants its timer, or has had it.
  void timer_asked(place at, std::uint32_t worker, weir::clock::time_point due) {
    timers_[{at, worker}] = {.asked = weir::clock::now(), .due = due};
  }
  void timer_over(place at, std::uint32_t worker) { timers_.erase({at, worker}); }
  void began(place at, std::uint32_t worker, std::uint64_t state) {
    kept_[{at, worker}] = {.now = state, .before = state};
  }
  /// Of all workers of the stage.
  std::uint64_t kept(place at) const;

  void batch_seen(place at, const weir::batch<thing>& all, const weir::batch_options& options);
  /// A function got an item longer ago than it may have it, and nobody has given it up.
  void item_taken(place at, const thing& one);

  /// Of a stage that does not keep the order: a result that waits for nothing but credit.
  void may_leave(place at, const thing& out);

  void source_put(std::size_t source, std::uint64_t position);
  void source_begins(std::size_t source, std::uint64_t last_position);
  void source_ended(std::size_t source) { ended_sources_.insert(source); }
  bool source_goes_on(std::size_t source) const { return !ended_sources_.contains(source); }
  void input_ends() { draining_ = true; }

  // --- what the life tells -------------------------------------------------------------------------------

  void dead_lettered(place at, std::span<const thing> items, const weir::dead_letter& letter);
  /// It must not run anything before it was started anew.
  void must_start(place at, std::uint32_t worker) { must_start_.insert({at, worker}); }
  void pipeline_failed() {
    must_start_.clear();
    timers_.clear();
    failed_ = true;
  }
  /// A worker of this stage has ended by a failure; `sure` if that is charged in any case.
  void worker_failed(const std::string& stage, bool sure);
  /// Has `intensity` been exceeded for certain? Can it have been?
  bool must_escalate() const;
  bool may_escalate() const;

  /// Nothing could happen from `began` to `ended` but that time passed; with `idle`, the consumers of batches had
  /// nothing in their mailboxes, and with `free`, stages with a timer had all the credit they can have.
  void time_passed(weir::clock::time_point began, weir::clock::time_point ended,
                   const std::vector<place>& idle, const std::vector<place>& free);

private:
  struct run {
    std::uint32_t failed = 0; ///< times in a row
    bool is_over = false;     ///< it is to be dead-lettered
    weir::clock::time_point not_before{};
  };
  struct kept_state {
    std::uint64_t now = 0;
    std::uint64_t before = 0;
    bool in_doubt =
        false; ///< where no function can be made to go on with it, it may not have happened
  };
  struct worker_failure {
    weir::clock::time_point at;
    std::string stage;
  };
  struct timer {
    weir::clock::time_point asked{};
    weir::clock::time_point due{};
  };
  struct pause {
    weir::clock::time_point began{};
    weir::clock::time_point ended{};
  };

  /// Was it in a dead letter? Then it may be there twice: both where it was read, and replayed. So may what was returned.
  bool came_again(const thing& one) const;
  bool undisturbed_since(weir::clock::time_point when) const;

  const scenario& of_;
  world& in_;

  std::map<std::pair<place, thing>, run> runs_; // that failed
  std::map<std::pair<place, std::uint32_t>, kept_state> kept_;
  std::set<std::pair<place, std::uint32_t>> must_start_;
  std::map<std::size_t, std::uint64_t> last_put_; // by source
  std::set<std::size_t> ended_sources_;
  std::map<std::pair<place, std::uint32_t>, timer> timers_;
  std::set<place> failed_at_; // where an item failed in this life
  bool draining_ = false;
  bool failed_ = false;
  std::vector<worker_failure> failures_;
  std::map<place, std::vector<weir::clock::time_point>>
      doubts_;                            // failures since which nothing can have succeeded there
  std::map<thing, place> leaving_;        // and where to
  std::set<std::uint32_t> dead_lettered_; // items that ever were in a letter
  pause last_pause_;
  std::map<place, pause> idle_; // by consumer of batches
};

} // namespace simulation
