#pragma once

#include <weir/stages/abandoned_runs.hpp>
#include <weir/stages/context.hpp>
#include <weir/stages/item_run.hpp>
#include <weir/stages/item_trouble.hpp>
#include <weir/stages/judge.hpp>
#include <weir/stages/letter_outbox.hpp>
#include <weir/stages/partitions.hpp>
#include <weir/stages/permit_holder.hpp>
#include <weir/stages/pipeline_services.hpp>
#include <weir/stages/recorded_hands.hpp>
#include <weir/stages/slice_size.hpp>
#include <weir/stages/stage_limits.hpp>
#include <weir/stages/stage_options.hpp>
#include <weir/stages/stepper.hpp>
#include <weir/stages/suspicion.hpp>
#include <weir/stages/worker_counters.hpp>
#include <weir/stages/worker_doing.hpp>
#include <weir/stages/worker_observer.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weir::internal {

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
/// Owner: the runtime gives it turns, one at a time; what other threads may call is said below.
/// Invariants: an item that fails stays at the head of its ring until it succeeds or its dead letter has been
/// taken over by the dead-letter actor.
/// Failure: it goes down and waits for its supervisor, which its observer tells.
class worker final : public actor, public turn_of_worker {
public:
  enum class state { down, running, stopped, finished };

  worker(std::string name, pipeline_services& services, worker_observer& observer,
         std::size_t index, std::string stage, std::uint32_t index_in_stage, stage_options options,
         const stage_limits& limits, token_bucket& permits, std::unique_ptr<stepper> steps);
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
  /// The stage has hold_key: these are its held keys.
  void set_keys(held_keys* keys) noexcept { letters_.set_keys(keys); }
  /// It is a source.
  void make_partitions();

  // --- for steppers and context, in a turn ---------------------------------------------------------
  acknowledgement& books() noexcept { return services_.books; }
  pipeline_services& services() noexcept { return services_; }
  /// With the limits that are in force; while a stage with several items in hand is paused, its in_flight_max is 0.
  const stage_options& options() const noexcept { return options_; }
  const std::string& stage() const noexcept { return stage_; }
  std::uint32_t index_in_stage() const noexcept { return index_in_stage_; }
  permit_holder& permits() noexcept { return permits_; }
  worker_counters& counters() noexcept { return counters_; }
  context& where() noexcept { return context_; }
  const std::shared_ptr<const run_place>& place() const noexcept { return place_; }
  letter_outbox& letters() noexcept { return letters_; }
  recorded_hands& hands() noexcept { return hands_; }
  weir::internal::suspicion& suspicion() noexcept { return suspicion_; }

  time_point now() const noexcept override { return now_; }
  void wake_at(time_point when) noexcept override;
  std::uint64_t last_position() const noexcept override { return last_put; }
  void wake_when_credit(std::size_t items) noexcept override { credit_wanted = items; }
  weir::partitions& partitions() override;
  std::vector<partition_point> points(std::span<const std::size_t> rejected) const override {
    return services_.books.points_of(batch_in_hand, rows_in_hand).without(rejected);
  }
  /// The source has closed its mailboxes.
  void source_ended();

  /// Was it told to abort? Then no further item is begun.
  bool aborted() const noexcept {
    return order_.load(std::memory_order_relaxed) == order_given::abort;
  }

  /// An item succeeded; also told by slice_result::items.
  void succeeded();
  /// What to do about a run that failed, which began at `began`: see judge::decide.
  verdict decide(const failure& why, item_trouble& trouble, std::uint64_t item_id, time_point began,
                 bool again = true) {
    return judge_.decide(why, trouble, item_id, began, now_, again);
  }
  /// Counts a run that failed.
  void count_failure(const failure& why, item_trouble& trouble) { judge_.count(why, trouble); }
  /// How the item in hand has failed so far.
  item_trouble trouble_in_hand() const { return trouble_.value_or(item_trouble{}); }
  /// Is the item with this id the one in hand, which failed and is run again?
  bool runs_again(std::uint64_t id) const noexcept { return trouble_ && trouble_id_ == id; }
  /// Is it a dead letter's, or made of one's?
  bool is_replayed(origin where) const {
    return services_.books.is_replayed(acknowledgement::first_of(where));
  }
  /// Was the item given back, so that nobody waits for it? Then it is settled.
  bool let_go_if_given_back(origin where) {
    if (!books().any_given_back() || !books().is_given_back(where))
      return false;
    books().settle(where, outcome::returned);
    return true;
  }
  /// A suspect is sentenced: it becomes a dead letter without being run.
  void dead_letter_unrun(origin where, item_as_letter item, const suspect& known, failure why);
  /// A run of one of its items goes on without it. What of it is known is kept here.
  void abandon(const std::shared_ptr<const item_run>& run) {
    abandoned_.add(run, services_.node.wall_clock());
  }

  /// The members of the batch that a sink has in hand, and its rows, for context::points.
  std::span<const origin> batch_in_hand;
  std::size_t rows_in_hand = 0;
  /// What a source has asked for in context::wake_when_credit; items.
  std::size_t credit_wanted = 0;
  /// The last position that a source has put, for context::last_position.
  std::uint64_t last_put = 0;

  // --- anybody -------------------------------------------------------------------------------------
  state now_is() const noexcept { return state_.load(std::memory_order_acquire); }
  const worker_counters& counters() const noexcept { return counters_; }
  /// What it does, and since when. In a turn, however long that takes, it is busy since the turn began. Until it is
  /// started, and while it is not running, it is down.
  worker_doing::now does() const noexcept { return doing_.read(); }
  std::string last_failure() const { return judge_.last_failure(); }
  /// Runs that it ever escalated, and since when those go on that have not ended yet.
  std::uint64_t abandoned_ever() const { return abandoned_.ever(); }
  std::vector<abandoned_runs::instant> abandoned_since() const { return abandoned_.since(); }

  activity turn() override;
  void crashed(failure why) noexcept override;

private:
  enum class order_given { none, start, stop, kill, abort };

  /// What the next step may do.
  struct slice {
    std::size_t budget;    ///< items; also as many permits as it has taken
    bool at_bound = false; ///< of its held keys: it takes no item, but hands on what it has made
    bool enters = false;   ///< suspects remain: enter before the step, leave after it
    bool alone = false;    ///< one of them is next
    std::size_t items = SIZE_MAX; ///< that may be run, whatever the budget
    bool paused = false;          ///< so that the budget is 0
  };

  void order_now(order_given what);
  std::optional<activity> carry_out_order();
  std::optional<activity> carry_out_start();
  activity run_slices();
  std::optional<activity> before_slice();
  void obey_limits(std::uint64_t word);
  std::size_t budget_while_paused() const;
  std::size_t budget_of(std::size_t turn_left) const;
  bool let_go(slice& next, std::size_t& turn_left);
  bool admit(slice& next, std::size_t& turn_left);
  bool look_ahead(slice& next);
  std::optional<activity> run_slice(slice& next, std::size_t& turn_left);
  void count(const slice_result& done, time_point began);
  std::optional<activity> after_slice(const slice& next, slice_result& done);
  std::optional<activity> after_failure(slice_result& done);
  std::optional<activity> after_failure_without_item(failure why);
  void know_trouble_of(const std::optional<failed_item>& item);
  void dead_letter_in_hand(origin item, const failure& why);
  activity go_down(std::uint32_t charge, failure why);
  std::optional<activity> sleep_until(const slice_result& next);
  std::optional<activity> until_keys_change();
  waiting_as why_waits(const slice_result& next) const;
  activity rest(std::optional<time_point> until, waiting_as how);
  activity finish();
  void has_had_its_last_turn() noexcept;
  void record_failures(origin where, std::uint32_t runs) noexcept;
  void account(waiting_as how);

  // Constant after construction.
  pipeline_services& services_;
  worker_observer& observer_;
  const std::size_t index_;
  const std::string stage_;
  const std::uint32_t index_in_stage_;
  const stage_limits& limits_;
  const std::unique_ptr<stepper> stepper_;
  const bool one_by_one_; // its items are run so, and each run takes its permit itself
  const std::shared_ptr<const run_place> place_;

  // Any thread.
  std::atomic<order_given> order_{order_given::none};
  std::atomic<state> state_{state::down};
  worker_counters counters_;
  abandoned_runs abandoned_;
  worker_doing doing_;

  // The worker's turns.
  stage_options options_;
  permit_holder permits_;
  std::uint64_t limits_seen_ = 0; // see stage_limits::word
  bool paused_ = false;
  time_point now_{};
  context context_;
  letter_outbox letters_;
  recorded_hands hands_;
  weir::internal::suspicion suspicion_;
  std::unique_ptr<weir::partitions> partitions_; // of a source; else null
  bool source_ended_ = false;
  judge judge_;
  slice_size slice_;
  waiting_as resting_as_ = waiting_as::idle;
  bool aborting_ = false;
  bool input_ended_ = false; // of a stage with hold_key: but for replays
  bool started_before_ = false;
  std::optional<item_trouble> trouble_; // of the item in hand, or of the stage
  bool of_an_item_ = false;             // that trouble
  std::uint64_t trouble_id_ = 0;
  std::optional<time_point> resume_at_; // of the back-off
  std::optional<time_point> wake_at_;   // asked for by the stage
  bool dead_lettered_unrun_ = false;    // and nothing has succeeded since
};

} // namespace weir::internal
