#pragma once

#include <weir/actors/runtime.hpp>
#include <weir/dead_letters/outgoing_letter.hpp>
#include <weir/mailbox/acknowledgement.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/hand.hpp>
#include <weir/stages/histogram.hpp>
#include <weir/stages/item_run.hpp>
#include <weir/stages/stage_options.hpp>
#include <weir/stages/stepper.hpp>
#include <weir/supervision/blame.hpp>
#include <weir/supervision/restart.hpp>
#include <weir/supervision/suspect.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace weir {

class dead_letter_actor;
class flight_recorder;
class held_keys;
class replay_actor;

/// Whom a worker tells what became of it. Called from the worker's turns.
class worker_observer {
public:
  /// The worker ended by a failure and waits to be started again.
  virtual void worker_failed(std::size_t index, std::uint32_t charge, failure why) = 0;
  /// The worker stopped as it was told to and waits to be started again.
  virtual void worker_stopped(std::size_t index) = 0;
  /// An item succeeded after failures.
  virtual void worker_recovered(std::size_t index) = 0;
  /// The worker has had its last turn but for the return from this call; `crash` says why if by a defect.
  virtual void worker_finished(std::size_t index, std::optional<failure> crash) = 0;

protected:
  ~worker_observer() = default;
};

/// What the workers of one pipeline share.
struct pipeline_services {
  runtime& node;
  std::string pipeline;
  acknowledgement books;
  dead_letter_actor* dead_letters = nullptr; ///< null where no stage can fail
  replay_actor* replays = nullptr;           ///< null where the dead letters can't be read
  std::stop_source stopping;
  flight_recorder* recorder = nullptr; ///< null: nothing is recorded
  std::vector<std::uint64_t> partition_keys =
      {}; ///< flight_key of each partition, where something is

  /// Tells the recorder how far each partition is settled. Any thread; where something is recorded.
  void note_settled() const;
};

/// What is known about an item while it fails.
struct item_trouble {
  std::uint32_t attempts = 0; ///< runs that failed, in any process
  std::chrono::system_clock::time_point first_failed_at{};
  std::uint32_t deaths = 0; ///< those of them that killed their process

  std::uint32_t failures() const noexcept { return attempts - deaths; }
};

/// What a worker counted. Written by the worker, read by anybody.
struct worker_counters {
  std::atomic<std::uint64_t> processed{0};     ///< items that succeeded
  std::atomic<std::uint64_t> failed{0};        ///< runs that failed
  std::atomic<std::uint64_t> dead_lettered{0}; ///< items that became dead letters
  std::atomic<std::uint64_t> busy_ns{0};
  std::atomic<std::uint64_t> blocked_ns{0};
  std::atomic<std::uint64_t> idle_ns{0};
  std::atomic<std::uint64_t> backlog_max{0};
  histogram latency; ///< of one item's run, in its slice's average

  /// Only one thread adds.
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t value) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
  }
};

/// One running instance of a stage: the actor that drives a stepper, compiled once for all types.
///
/// It is the address that its neighbours know, and holds what outlives the user's function: mailbox, credits,
/// the item in hand with its attempts. A restart only makes a fresh function (stepper::rebuild).
///
/// | state \ event | failure     | stop     | start   | end of stream | abort    |
/// |---------------|-------------|----------|---------|---------------|----------|
/// | running       | → down      | → stopped| –       | → finished    | finished |
/// | down          | –           | → stopped| running | –             | finished |
/// | stopped       | –           | stopped  | running | –             | finished |
///
/// Invariants: an item that fails stays at the head of its ring until it succeeds or its dead letter has been
/// taken over by the dead-letter actor.
class worker final : public actor, public letter_sender, public turn_of_worker {
public:
  enum class state { down, running, stopped, finished };

  worker(std::string name, pipeline_services& services, worker_observer& observer,
         std::size_t index, std::string stage, std::uint32_t index_in_stage, stage_options options,
         token_bucket& permits, std::unique_ptr<stepper> steps);
  ~worker() override;

  // --- orders, from any thread ---------------------------------------------------------------------
  void start() { order_now(order_given::start); }
  void stop() { order_now(order_given::stop); }
  void abort();
  /// Ends it as a crash would, if it is running: its supervisor decides what comes then.
  void kill();

  // --- before the first turn -----------------------------------------------------------------------
  /// What it has in hand is recorded in these slots, and those of its items that may have killed an earlier
  /// process are looked at first.
  void record_in(std::span<flight_slot> slots);

  // --- for steppers and context, in a turn ---------------------------------------------------------
  acknowledgement& books() noexcept { return services_.books; }
  pipeline_services& services() noexcept { return services_; }
  const stage_options& options() const noexcept { return options_; }
  const std::string& stage() const noexcept { return stage_; }
  std::uint32_t index_in_stage() const noexcept { return index_in_stage_; }
  token_bucket& permits() noexcept { return permits_; }
  worker_counters& counters() noexcept { return counters_; }
  const worker_counters& counters() const noexcept { return counters_; }
  context& where() noexcept { return context_; }
  time_point now() const noexcept override { return now_; }
  void wake_at(time_point when) noexcept override;
  std::uint64_t last_position() const noexcept override { return last_put; }
  std::vector<resume_point> resume_points() const override {
    return services_.books.resume_points(batch_in_hand);
  }

  /// Was it told to abort? Then no further item is begun.
  bool aborted() const noexcept {
    return order_.load(std::memory_order_relaxed) == order_given::abort;
  }

  /// The item of `where` becomes a dead letter, or what is said here of it. It is handed over before the worker
  /// takes further items.
  void to_dead_letters(origin where, std::string payload, const std::type_info& payload_type,
                       failure why, const item_trouble& trouble,
                       letter_of what = letter_of::whole_item, std::string key = {});

  /// The last ones that were dead-lettered in this turn, without a key, are no dead letters after all.
  void take_back(std::size_t letters) noexcept;

  /// The stage's held keys; null without hold_key. Set before it is spawned.
  held_keys* keys() const noexcept { return keys_; }
  void set_keys(held_keys* keys) noexcept { keys_ = keys; }
  /// The same for an item that has to wait behind another one of its key.
  void hold_behind(const std::string& whom, origin where, std::string payload,
                   const std::type_info& payload_type, std::string key);
  bool keys_full() const noexcept;
  /// Is it a dead letter's, or made of one's?
  bool is_replayed(origin where) const {
    return services_.books.is_replayed(acknowledgement::first_of(where));
  }
  std::optional<std::string> held_behind(const std::string& key, origin where) const;
  /// Is the item with this id the one in hand, which failed and is run again?
  bool runs_again(std::uint64_t id) const noexcept { return trouble_ && trouble_id_ == id; }

  /// An item succeeded; also told by slice_result::items.
  void succeeded();

  /// Are all its dead letters stored? A stage ends, and lets those behind it end, only then: so the last
  /// positions that a sink stores are behind them. If not, the worker is woken when they are.
  bool dead_letters_stored() const noexcept { return letters_on_their_way_.load() == 0; }
  /// From the dead-letter actor.
  void dead_letter_stored() noexcept override {
    if (letters_on_their_way_.fetch_sub(1) == 1)
      wake();
  }

  /// What to do about a run that failed, which began at `began`; counts it. Unless it may run `again`, the item is
  /// dead-lettered in any case.
  struct decision {
    answer what;
    std::uint32_t charge = 0;          ///< of restart and dead_letter_and_restart
    std::chrono::nanoseconds delay{0}; ///< of retry
  };
  decision decide(const failure& why, item_trouble& trouble, std::uint64_t item_id,
                  time_point began, bool again = true);
  /// Counts a run that failed.
  void count_failure(const failure& why, item_trouble& trouble);
  // Of the flight recorder.
  hand in_hand() const noexcept { return hand_; }
  /// A place of its own for an item that is worked on outside of turns; given back when it is done with.
  hand take_place();
  void give_place(hand place);
  bool suspects_remain() const noexcept {
    return services_.recorder != nullptr && recorded_suspects_remain();
  }
  /// Did an item with this origin kill a process, at this stage or another?
  bool suspected(origin where) const;
  /// What is known of it at this stage.
  std::optional<suspect> suspicion(origin where) const;
  /// Must it be dead-lettered without being run? Then why.
  std::optional<failure> sentence(const suspect& known) const;
  /// Before the run of an item while suspects remain; false: the worker is woken when it may ask again.
  bool enter(bool alone);
  void leave() noexcept;
  void withdraw() noexcept;
  /// Parked without being run: counts it.
  void dead_letter_unrun(origin where, std::string payload, const std::type_info& payload_type,
                         const suspect& known, failure why, std::string key = {});
  /// How a suspect has failed so far.
  static item_trouble trouble_of(const suspect& known);

  /// A run of one of its items goes on without it. What of it is known is kept here.
  void abandon(const std::shared_ptr<const item_run>& run);
  const std::shared_ptr<const run_place>& place() const noexcept { return place_; }

  /// How the item in hand has failed so far.
  item_trouble trouble_in_hand() const;

  /// The batch that a sink has in hand, for context::resume_points.
  std::span<const origin> batch_in_hand;
  /// The last position that a source has put, for context::last_position.
  std::uint64_t last_put = 0;

  // --- anybody -------------------------------------------------------------------------------------
  state now_is() const noexcept { return state_.load(std::memory_order_acquire); }
  std::string last_failure() const;
  /// Runs that it ever escalated, and since when those go on that have not ended yet.
  std::uint64_t abandoned_ever() const;
  std::vector<std::chrono::system_clock::time_point> abandoned_since() const;

  activity turn() override;
  void crashed(failure why) noexcept override;

private:
  enum class order_given { none, start, stop, kill, abort };

  struct abandoned_run {
    std::chrono::system_clock::time_point since;
    std::weak_ptr<const item_run> run;
    bool over() const;
  };

  bool recorded_suspects_remain() const noexcept;
  void order_now(order_given what);
  std::optional<activity> carry_out_order();
  std::optional<activity> before_slice();
  struct caution {
    bool dead_lettered = false; ///< the next item was, instead of a run
    bool asked = false;         ///< enter before the slice, leave after it
    bool alone = false;
    std::size_t items = SIZE_MAX; ///< of the slice
  };
  caution look_ahead();
  void forget_settled();
  void nothing_in_hand() noexcept;
  void record_failures(origin where, std::uint32_t runs) noexcept;
  activity run_slices();
  std::optional<activity> after_failure(std::optional<std::uint32_t> charge);
  activity go_down(std::uint32_t charge, failure why);
  bool hand_over_letters();
  std::optional<activity> sleep_until(const slice_result& next);
  std::optional<activity> until_keys_change();
  activity rest(std::optional<time_point> until, waiting_as how);
  activity finish();
  void account(waiting_as how);

  // Constant after construction.
  pipeline_services& services_;
  worker_observer& observer_;
  const std::size_t index_;
  const std::string stage_;
  const std::uint32_t index_in_stage_;
  const stage_options options_;
  token_bucket& permits_;
  const std::unique_ptr<stepper> stepper_;
  const std::shared_ptr<const run_place> place_;
  held_keys* keys_ = nullptr;

  // Any thread.
  std::atomic<order_given> order_{order_given::none};
  std::atomic<state> state_{state::down};
  std::atomic<std::uint32_t> letters_on_their_way_{0};
  worker_counters counters_;
  mutable std::mutex last_failure_lock_; // guards what follows
  std::string last_failure_;
  std::vector<abandoned_run> abandoned_;
  std::uint64_t abandoned_ever_ = 0;

  // The worker's turns.
  time_point now_{};
  context context_;
  waiting_as resting_as_ = waiting_as::idle;
  bool aborting_ = false;
  bool input_ended_ = false; // of a stage with hold_key: but for replays
  bool started_before_ = false;
  std::size_t slice_ = 32;              // items; follows the time they take
  std::optional<item_trouble> trouble_; // of the item in hand
  std::uint64_t trouble_id_ = 0;
  blame blame_;
  time_point blamed_at_{};
  std::optional<time_point> resume_at_;   // of the back-off
  std::optional<time_point> wake_at_;     // asked for by the stage
  std::vector<outgoing_letter> outgoing_; // not yet taken over, the oldest first

  // Of the flight recorder.
  std::span<flight_slot> slots_;     // all that it has
  hand hand_;                        // of what runs in turns
  std::vector<flight_slot*> places_; // for what runs outside of them
  std::uint64_t stage_key_ = 0;
  std::uint32_t entered_ = 0; // see enter
  time_point looked_at_partitions_{};
  bool dead_lettered_unrun_ = false; // and nothing has succeeded since
};

} // namespace weir
