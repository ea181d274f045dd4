#pragma once

#include <weir/dead_letters/replay.hpp>
#include <weir/supervision/failure.hpp>

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace weir::internal {

/// What others have ordered of the replay actor, and what they have told it of the pipeline's end.
///
/// Owner: any thread orders and tells; the replay actor takes, in its turns.
/// Invariants: at most asked_for_max replays wait for their turn. Once it is closed, none is taken in any more; that is
/// never before the sources have ended and all that was asked for has begun, or the replay was told to stop.
class replay_orders {
public:
  static constexpr std::size_t asked_for_max = 64;

  explicit replay_orders(const std::string& pipeline) : pipeline_{pipeline} {}
  /// `inputs` of each stage: see replay_stage.
  void begin(std::size_t sources, std::vector<std::size_t> inputs);

  // --- any thread ----------------------------------------------------------------------------------

  /// Asks for a replay; a failure if the pipeline is ending, or too many wait.
  result<void> ask_for(std::shared_ptr<replay_run> run);
  void look();
  void recount();
  void source_ended();
  void input_ended(std::size_t stage);
  void stop();
  void abort();
  void workers_finished();
  void letters_finished();

  // --- the actor's turns ---------------------------------------------------------------------------

  /// For the middle of a turn: may nothing more be put in?
  const std::atomic<bool>& stopping() const noexcept { return stopping_; }

  struct standing_orders {
    bool stopping = false;
    bool aborted = false;
    bool count = false;    ///< all held keys; ordered since the last call
    bool finished = false; ///< the workers and the letters have
  };
  standing_orders take();

  struct next_replay {
    std::shared_ptr<replay_run> run; ///< null: none waits
    bool look = false;               ///< for what others asked the store for
  };
  /// What is to be begun next. It is looked for what others asked for when that is ordered, or else when it is time.
  next_replay next(bool time_to_look);

  struct closing {
    std::vector<std::size_t> stages; ///< those that take nothing any more
    bool all = false;                ///< and so it is closed
  };
  /// Closes what may be closed once nothing will be put in any more: a stage with hold_key only when it has nothing else
  /// to take, as it may wait for a replay. `all_in`: nothing of the replay that goes on is still to be put in;
  /// `unanswered`: the store does not answer, and is not waited for.
  closing close(bool all_in, bool unanswered);
  /// Closes it whatever is left, and gives the replays whose turn will not come.
  std::deque<std::shared_ptr<replay_run>> close_all();

private:
  const std::string& pipeline_;
  std::atomic<bool> stopping_{false}; // written under lock_

  std::mutex lock_; // guards what follows
  std::deque<std::shared_ptr<replay_run>> asked_for_;
  std::size_t sources_left_ = 0;
  std::vector<std::size_t> inputs_left_; // of each stage
  bool look_now_ = true;
  bool looked_ = false; // once at least
  bool count_now_ = false;
  bool aborted_ = false;
  bool closed_ = false;
  bool workers_finished_ = false;
  bool letters_finished_ = false;
};

} // namespace weir::internal
