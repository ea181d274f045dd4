#pragma once

#include <weir/actors/token_bucket.hpp>
#include <weir/dead_letters/claim_settlement.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/dead_letters/replay.hpp>
#include <weir/dead_letters/replay_entrance.hpp>
#include <weir/dead_letters/replay_stage.hpp>
#include <weir/dead_letters/replays_in_flight.hpp>
#include <weir/dead_letters/store_trouble.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace weir::internal {

/// The replay that goes on now: asks the store for its letters, claims them, puts them in one after the other, and
/// then what is held behind those that went through.
///
/// Owner: the replay actor, in its turns.
/// Invariants: a letter that is claimed waits here, or is too late, or is in flight, or the settlement has it. Letters
/// of one key, at a stage, go one after the other, and none behind one that stays or has failed again.
/// Failure: what the store refuses is tried again with back-off, in the actor's turns; where trying again won't help,
/// the replay goes on with the letters that it has.
class replay_work {
public:
  /// What it works with, all of it its actor's.
  struct tools {
    runtime& node;
    const std::string& pipeline;
    dead_letter_queue& queue;
    const std::vector<replay_stage>& stages;
    replay_entrance& entrance;
    claim_settlement& settlement;
    store_trouble& trouble;
    const std::function<void(const replay_run&)>& tells; ///< of its beginning and its end
    const std::atomic<bool>& stopping;                   ///< nothing more is to be put in
  };
  enum class asked_by {
    run,   ///< its letters are still to be asked for in the store
    others ///< they have been, by a tool for instance
  };
  enum class following { nothing, claimed, later, next_turn };

  replay_work(const tools& with, std::shared_ptr<replay_run> run, asked_by whom);

  const std::string& who() const noexcept { return run_->options().who; }

  /// Asks the store for its letters, once. False if the store did not answer, and is to be asked again.
  bool ask();
  /// Claims letters and puts in what may go in now. Returns when to go on, if that is known: at once, or when a
  /// permit or the store will be there.
  std::optional<time_point> put_in();
  /// Claims what is held behind a letter that has gone through, also what has come since.
  following follow();

  /// The item of a letter that it has put in has ended.
  void ended(const replayed_letter& letter);
  /// The pipeline ends, or a stage has: what has not been put in stays asked for.
  void give_back();
  /// It is over. Nothing may be in flight then.
  void finish();
  /// Its actor has crashed, and nothing more is done.
  void finish_failed(const failure& why);

  /// Have all its letters been claimed, and what was put in ended?
  bool all_ended() const noexcept { return waiting_.empty() && exhausted_ && in_flight_ == 0; }
  /// Is all in the pipeline that it will put in? But for what the store, if `unanswered`, keeps back.
  bool all_in() const noexcept {
    return waiting_.empty() && keys_in_flight_.empty()
           && (unanswered() || (exhausted_ && to_follow_.empty()));
  }
  bool has_late_letters() const noexcept { return !too_late_.empty(); }
  bool refused_last() const noexcept { return refused_ > 0; }
  /// Has the store refused so often in a row that the end of the stream does not wait for it?
  bool unanswered() const noexcept { return refused_ >= refusals_max; }

private:
  static constexpr std::uint32_t refusals_max = 3;

  bool claim();
  void wait_here(std::vector<dead_letter> claimed);
  result<std::vector<dead_letter>> claim_behind(const replay_stage& where, const std::string& key);
  void took(const dead_letter& letter, const std::string& order, replay_entrance::entry entered);
  void stays(const dead_letter& letter, std::string why, std::uint64_t replay_outcome::*counter);
  void answered();
  bool refused(failure why);
  done_by by() const { return {who(), tools_.node.wall_clock()}; }

  const tools& tools_;
  const std::shared_ptr<replay_run> run_;
  const asked_by asked_by_;
  bool told_ = false;         // that it has begun
  bool to_ask_;               // its letters have not been asked for yet
  bool exhausted_ = false;    // it has no more of them
  std::uint32_t refused_ = 0; // how often in a row the store did not answer
  token_bucket permits_;
  std::deque<dead_letter> waiting_;      // claimed, not put in
  std::vector<std::uint64_t> too_late_;  // claimed, and the stage takes no more
  std::set<std::string> keys_in_flight_; // each with its stage
  std::set<std::string> keys_stopped_;
  std::set<std::pair<std::size_t, std::string>> to_follow_; // stages and keys of what went through
  std::size_t in_flight_ = 0;
};

} // namespace weir::internal
