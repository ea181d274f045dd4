#pragma once

#include <weir/actors/actor.hpp>
#include <weir/dead_letters/claim_settlement.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/dead_letters/held_key_counts.hpp>
#include <weir/dead_letters/outgoing_letter.hpp>
#include <weir/dead_letters/replay.hpp>
#include <weir/dead_letters/replay_entrance.hpp>
#include <weir/dead_letters/replay_orders.hpp>
#include <weir/dead_letters/replay_stage.hpp>
#include <weir/dead_letters/replay_work.hpp>
#include <weir/dead_letters/replays_in_flight.hpp>
#include <weir/dead_letters/store_trouble.hpp>
#include <weir/mailbox/acknowledgement.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::internal {

class flight_recorder;

/// The replay actor of a pipeline: takes dead letters from the store and puts them in again before the stage that
/// failed them, through rings of their own, so by the same credit as everything else. On a thread of its own,
/// as stores block.
///
/// Each letter that is put in has its id as its position in a partition of its own, by which its outcome comes back
/// here: gone through, the letter is removed from the store; failed again, the dead-letter actor has put it back, under
/// its identity, and it stays. Letters of one key go one after the other, and stop at the first that fails.
///
/// Here are its turns; the replay itself is replay_work, and what others order replay_orders.
///
/// Invariants: a letter in the partition is claimed from the store. The rings close only after the sources have ended
/// and no replay goes on, or with the drain.
/// Failure: what the store refuses is tried again with back-off, and a call that throws has failed; a replay whose
/// letters can't even be asked for ends only where trying again won't help. A claim that can't be settled ends with
/// the store, so that the letter is replayed again: at least once. If it ends by a defect of its own, the pipeline
/// can't go on: a stage at its bound of held keys would wait for ever.
class replay_actor final : public actor, public replay_observer {
public:
  /// `finished` is called in the last turn, and `crash` says why if that is by a defect; `tells` when the first letters
  /// of a replay are claimed, and at its end. `recorder` may be null: nothing is recorded then.
  replay_actor(runtime& node, acknowledgement& books, std::string pipeline,
               std::shared_ptr<dead_letter_store> store, dead_letter_queue& queue,
               replay_settings settings, flight_recorder* recorder,
               std::function<void(std::optional<failure> crash)> finished,
               std::function<void(const replay_run&)> tells);

  /// Once, before it is spawned.
  void set_stages(std::vector<replay_stage> stages, std::size_t sources);

  // --- any thread ----------------------------------------------------------------------------------

  /// Asks for a replay; a failure if the pipeline is ending, or too many wait.
  result<std::shared_ptr<replay_run>> replay(dead_letter_filter filter, replay_options options);
  /// Looks at once for what others asked the store for, and which keys still have letters.
  void look();
  /// Counts the letters of the held keys.
  void recount();

  /// Gives the letter of an item that failed again, and whose origin is `where`, the place it was read from; true
  /// if it is the same letter as before, with its part.
  bool identify(dead_letter& letter, origin where, letter_of what);

  /// One of the sources has nothing more to give.
  void source_ended();
  /// A worker of that stage, one with hold_key, has nothing left but what is replayed.
  void input_ended(std::string_view stage_name);
  /// Puts nothing more in. What is in the pipeline goes on to its end.
  void stop();
  /// Stops, and does not wait for the store at the end.
  void abort();
  /// All workers have finished. Claims that are left can be given back once the dead-letter actor has, too.
  void workers_finished();
  /// The dead-letter actor has finished.
  void letters_finished();

  void replayed_item_ended(std::uint64_t position, outcome how) noexcept override;

  /// Replayed letters whose items are in the pipeline.
  std::size_t in_flight() const { return in_flight_.size(); }
  /// Why the store refused last; empty while it works.
  std::string trouble() const { return trouble_.text(); }

  activity turn() override;
  void crashed(failure why) noexcept override;
  void behind_last_turn() noexcept override { finished_(std::move(crash_)); }

private:
  void take_outcomes();
  bool give_back_left();
  void begin_counts(bool aborted, bool counted);
  bool chores(bool counts);
  activity go_on_replaying();
  activity wait_until(std::optional<time_point> next);
  void begin_next();
  time_point next_look() const;
  void end_work();
  bool close_if_over();
  void finish_asked_for(const failure& why);
  failure ending() const;

  runtime& node_;
  acknowledgement& books_;
  const std::string pipeline_;
  const std::string who_;                          // in the audit, where no replay goes on
  const std::shared_ptr<dead_letter_store> store_; // keeps the queue
  dead_letter_queue& queue_;
  const replay_settings settings_;
  const std::function<void(std::optional<failure>)> finished_;
  const std::function<void(const replay_run&)> tells_;
  flight_recorder* const recorder_; // null: nothing is recorded
  std::vector<replay_stage> stages_;

  // These have locks of their own.
  replays_in_flight in_flight_{stages_};
  store_trouble trouble_;
  replay_orders orders_;

  // The actor's own.
  claim_settlement settlement_;
  held_key_counts counts_;
  replay_entrance entrance_;
  const replay_work::tools tools_;
  std::unique_ptr<replay_work> work_; // null while no replay goes on
  time_point look_at_{};
  std::uint32_t refusals_ = 0; // of chores, in a row
  std::optional<failure> crash_;
};

} // namespace weir::internal
