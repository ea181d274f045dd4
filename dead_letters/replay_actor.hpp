#pragma once

#include <weir/actors/actor.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/dead_letters/held_keys.hpp>
#include <weir/dead_letters/outgoing_letter.hpp>
#include <weir/dead_letters/replay.hpp>
#include <weir/dead_letters/replay_inlet.hpp>
#include <weir/mailbox/acknowledgement.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

class flight_recorder;

/// The replay actor of a pipeline: takes dead letters from the store and puts them in again before the stage that
/// failed them, through rings of their own, so by the same credit as everything else. On a thread of its own,
/// as stores block.
///
/// Each letter that is put in has its id as its position in a partition of its own, by which its outcome comes back here: gone
/// through, the letter is removed from the store; failed again, the dead-letter actor has put it back, under its
/// identity, and it stays. Letters of one key go one after the other, and stop at the first that fails.
///
/// Invariants: a letter in the partition is claimed from the store. The rings close only after the sources have ended
/// and no replay goes on, or with the drain.
/// Failure: what the store refuses is tried again with back-off, and a call that throws has failed; a replay whose
/// letters can't even be asked for ends only where trying again won't help. A claim that can't be settled ends with
/// the store, so that the letter is replayed again: at least once. If it ends by a defect of its own, the pipeline
/// can't go on: a stage at its bound of held keys would wait for ever.
class replay_actor final : public actor, public replay_observer {
public:
  /// One stage, as the replay sees it.
  struct stage {
    std::string name;
    std::string input;                   ///< type name
    std::unique_ptr<replay_inlet> inlet; ///< null where its items can't be read from a payload
    held_keys* keys = nullptr;           ///< of hold_key
    std::size_t inputs_left =
        0; ///< of hold_key: workers to which something may still come; under the lock
    std::set<std::size_t> keyed_behind; ///< stages with hold_key that its items may come to
    bool closed = false;                ///< its rings are; written in turns
  };

  /// `finished` is called in the last turn, and `crash` says why if that is by a defect; `tells` when the first letters of a replay are claimed, and at its end.
  replay_actor(runtime& node, acknowledgement& books, std::string pipeline,
               std::shared_ptr<dead_letter_store> store, dead_letter_queue& queue,
               replay_settings settings, flight_recorder* recorder,
               std::function<void(std::optional<failure> crash)> finished,
               std::function<void(const replay_run&)> tells);

  /// Before it is spawned.
  void set_stages(std::vector<stage> stages, std::size_t sources);

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

  void source_ended();
  /// A worker of a stage with hold_key has nothing left but what is replayed.
  void input_ended(std::string_view stage_name);
  /// Puts nothing more in. What is in the pipeline goes on to its end.
  void stop();
  /// The same, and the store is not waited for at the end.
  void abort();
  /// The two things that have to be over before claims that are left can be given back.
  void workers_finished();
  void letters_finished();

  void replayed_item_ended(std::uint64_t position, outcome how) noexcept override;

  /// Replayed letters whose items are in the pipeline.
  std::size_t in_flight() const;
  /// Why the store refused last; empty while it works.
  std::string trouble() const;

  activity turn() override;
  void crashed(failure why) noexcept override;
  void ended() noexcept override { finished_(std::move(crash_)); }

private:
  /// A letter whose item is in the pipeline.
  struct replayed_letter {
    std::uint64_t id;
    std::size_t stage;
    std::string source;
    std::uint64_t position;
    std::uint32_t part;
    std::uint32_t replay_count;
    std::string key;
    bool put_back = false;               ///< it failed, and its letter has the same identity
    outcome how = outcome::acknowledged; ///< once it has ended
  };
  /// What is known of the replay that goes on now.
  struct work {
    work(std::shared_ptr<replay_run> asked_for, time_point now)
        : run{std::move(asked_for)}, permits{run->options().rate, now} {}

    std::shared_ptr<replay_run> run;
    bool told = false;            ///< that it has begun
    bool asked_by_others = false; ///< its letters have been asked for in the store
    bool to_ask = false;          ///< its letters have not been asked for yet
    bool exhausted = false;       ///< it has no more of them
    std::uint32_t refused = 0;    ///< how often in a row the store did not answer
    token_bucket permits;
    std::deque<dead_letter> waiting;      ///< claimed, not put in
    std::vector<std::uint64_t> too_late;  ///< claimed, and the stage takes no more
    std::set<std::string> keys_in_flight; // each with its stage
    std::set<std::string> keys_stopped;
    std::set<std::pair<std::size_t, std::string>> to_follow; // stages and keys of what went through
    std::size_t in_flight = 0;
  };
  /// A claimed letter that is not put in: asked for as before, or not any more, for a reason.
  struct withdrawn_letter {
    std::uint64_t id;
    std::string why;
  };
  enum class answer { put, no_credit, stays, too_late, later };

  void finish_asked_for(const failure& why);
  bool chores(bool counts);
  void take_outcomes();
  result<void> settle_with_store();
  result<void> count_keys();
  result<void> count(const stage& where, const held_keys::key_state& seen);
  void count_all_keys();
  time_point next_look() const;
  bool at_bound() const;
  void begin_next();
  bool ask();
  bool claim();
  bool answered();
  bool refused(failure why);
  void say_trouble(std::string what);
  enum class following { nothing, claimed, later, next_turn };
  following follow();
  bool stopping() const;
  std::optional<time_point> put_in();
  answer put_in(const dead_letter& letter);
  void stays(const dead_letter& letter, std::string why, std::uint64_t replay_outcome::*counter);
  void give_back_waiting();
  void end_work();
  bool close_if_over();
  done_by by() const;

  runtime& node_;
  acknowledgement& books_;
  const std::string pipeline_;
  const std::shared_ptr<dead_letter_store> store_; // keeps the queue
  dead_letter_queue& queue_;
  const replay_settings settings_;
  const std::function<void(std::optional<failure>)> finished_;
  const std::function<void(const replay_run&)> tells_;
  flight_recorder* const recorder_; // null: nothing is recorded
  const std::uint64_t recorded_partition_;
  std::vector<stage> stages_;

  mutable std::mutex lock_; // guards what follows
  std::deque<std::shared_ptr<replay_run>> asked_for_;
  // By id. From the one to the other a letter goes as the node that it is: that takes no memory.
  std::map<std::uint64_t, replayed_letter> in_flight_;
  std::multimap<std::uint64_t, replayed_letter> ended_;
  std::size_t sources_left_ = 0;
  bool look_now_ = true;
  bool count_now_ = false;
  std::string trouble_;
  bool stopping_ = false;
  bool aborted_ = false;
  bool closed_ = false; // nothing can be put in any more
  bool workers_finished_ = false;
  bool letters_finished_ = false;

  // The actor's own.
  std::unique_ptr<work> work_;
  std::vector<std::uint64_t> to_mark_; // gone through, and still in the store
  std::vector<std::uint64_t> to_give_back_;
  std::vector<withdrawn_letter> to_withdraw_;
  std::set<std::pair<std::size_t, std::string>>
      to_count_;              // stages and keys, a part of them each turn
  bool to_count_all_ = false; // once those are counted
  time_point look_at_{};
  bool looked_ = false;
  std::uint32_t failures_in_a_row_ = 0;
  time_point retry_at_{};
  std::optional<failure> crash_;
};

} // namespace weir
