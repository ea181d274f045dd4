#pragma once

#include <weir/supervision/child_spec.hpp>
#include <weir/supervision/failure.hpp>
#include <weir/supervision/restart.hpp>
#include <weir/supervision/restart_window.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// A child of one supervisor, in the order of its start. It names the child, not the instance that runs.
using child_key = std::uint64_t;

/// What a supervisor wants done. Nothing is done here: the actor around it carries the steps out.
struct supervisor_step {
  enum class kind {
    start,
    stop,
    kill,
    abandon,   ///< it was killed and is still not gone: from now on the supervisor does without it
    escalate,  ///< too many restarts, or a first start failed: see escalated
    shut_down, ///< a significant child has ended: see auto_shutdown
    all_gone   ///< after stop_all or kill_all: no child is left
  };
  kind what;
  child_key child = 0; ///< of all but shut_down and all_gone
  bool operator==(const supervisor_step&) const = default;
};
using supervisor_steps = std::vector<supervisor_step>;

/// The decisions of a supervisor, as a state machine without threads, actors or a clock.
///
/// | child's state \ event | exited                   | started | terminate   | time                     |
/// |-----------------------|--------------------------|---------|-------------|--------------------------|
/// | down                  | –                        | –       | –           | –                        |
/// | starting              | by why it was started    | running | → stopping  | –                        |
/// | running               | charge, then by strategy | –       | → stopping  | –                        |
/// | stopping              | → restarting, down, gone | –       | → then down | order, kill, abandon     |
/// | restarting            | –                        | –       | → down, gone| → starting               |
/// | ended                 | –                        | –       | –           | –                        |
///
/// Invariants: children are started in their order and told to stop in the reverse; with one_for_all and
/// rest_for_one none is started while another is still stopping, so no old instance is alive beside a new one.
class supervisor_state {
public:
  enum class child_now { down, starting, running, stopping, restarting, ended };

  /// How a group of children is started and stopped.
  enum class order {
    one_by_one, ///< each once the one before it is there, or gone: a user's tree
    at_once     ///< the orders go out in their order, and nobody waits: the workers of a pipeline
  };

  /// After a kill, so long until a worker is abandoned.
  static constexpr std::chrono::milliseconds kill_grace{1000};

  /// Without children.
  explicit supervisor_state(supervision_options options, auto_shutdown ends = auto_shutdown::never);
  /// Children 0, 1, … that run already, at_once.
  supervisor_state(supervision_options options, std::vector<child_spec> children);

  // --- orders ----------------------------------------------------------------------------------------
  /// Adds a child that is down. Requires a new key.
  void add(child_key child, child_spec spec);
  /// What is left of it after all_gone: its children, for one that starts in its place.
  std::map<child_key, child_spec> take_specs();
  /// Starts all that are down: a first start that fails is an escalation.
  supervisor_steps start_all(time_point now);
  /// Starts one that is down, now or after a restart of its group. If that fails it is down again or, with `keep` false, gone.
  supervisor_steps start(child_key child, bool keep, time_point now);
  /// Stops one, or takes back its restart; afterwards it is down, or gone if it is temporary or dynamic.
  supervisor_steps terminate(child_key child, time_point now);
  /// Requires that it is down.
  void remove(child_key child) { children_.erase(child); }
  /// Requires a known child. Holds from the next time that it matters on.
  void change(child_key child, child_spec spec) { children_.at(child).spec = std::move(spec); }
  /// Nothing is started any more; ends with all_gone.
  supervisor_steps stop_all(time_point now);
  supervisor_steps kill_all(time_point now);

  // --- events ----------------------------------------------------------------------------------------
  supervisor_steps started(child_key child, time_point now);
  /// It was started, and isn't needed.
  supervisor_steps ignored(child_key child, time_point now);
  /// A child ended by itself, or could not be started. `charge` is how many restarts to count (see blame);
  /// `random` is in [0, 1).
  supervisor_steps exited(child_key child, exit_reason reason, std::uint32_t charge, failure why,
                          time_point now, double random);
  /// A child ended because it had done all its work: it is never started again.
  void ended(child_key child);
  /// A child that was told to stop has stopped.
  supervisor_steps stopped(child_key child, time_point now);
  /// A child did work again after a failure: what it was charged with is forgiven.
  void recovered(child_key child);
  /// Time has passed.
  supervisor_steps due(time_point now);

  // --- what is known ---------------------------------------------------------------------------------
  /// When `due` is next wanted.
  std::optional<time_point> next_due() const;
  /// How long a stop of all may take, as long as what is killed is gone; nothing if nobody can say.
  std::optional<std::chrono::milliseconds> stop_time() const;
  /// After it escalated: why, as a chain from the child's failure.
  const std::optional<failure>& escalated() const { return escalated_; }
  bool has(child_key child) const { return children_.contains(child); }
  child_now now_is(child_key child) const { return children_.at(child).now; }
  /// Is it being started for the first time, or because somebody asked for it?
  bool starts_anew(child_key child) const;
  const child_spec& spec(child_key child) const { return children_.at(child).spec; }
  /// Of a temporary child it is given away: it is never started again.
  start_function take_start(child_key child);
  std::uint64_t restarts(child_key child) const { return children_.at(child).restarts; }
  std::size_t charged(time_point now) { return window_.size(now); }
  /// Have all been started that `start_all` wanted?
  bool all_started() const { return never_started_ == 0; }

private:
  enum class started_for { all, adding, asking, restart };
  enum class then { restart, down, forgotten };
  enum class stop_phase { queued, told, killed };

  struct child_state {
    child_spec spec;
    child_now now = child_now::down;
    started_for why =
        started_for::all;     // why it is started for the first time; from then on: restart
    time_point due{};         // of restarting
    time_point since{};       // of running
    time_point waits_until{}; // of the back-off: that time does not count in the window
    then after = then::down;  // of stopping, as the rest; of down while all end
    stop_phase phase = stop_phase::queued;
    time_point at_latest{}; // when it is told, or killed, or abandoned
    time_point stop_by{time_point::max()};
    time_point since_order{};   // when it was queued, and then: told
    std::uint32_t in_a_row = 0; // restarts since it last worked for long
    std::uint64_t restarts = 0; // ever
  };
  using place = std::map<child_key, child_state>::iterator;

  bool ordered() const;
  bool is_kept(const child_spec& spec) const;
  shutdown time_of(const child_spec& spec) const;
  std::optional<std::chrono::milliseconds> bound(const child_state& one) const;
  void move(child_state& one, child_now to, std::optional<started_for> why = {});
  void back_off(place child, time_point until, time_point now);
  void wait_for_start(place child, started_for why, time_point due);
  void forget_start(place child);
  void end_all(time_point now);
  static then after_the_end(const child_state& one);
  void queue_stops(const std::vector<place>& group, then after, time_point now);
  void tell(place child, time_point now, supervisor_steps& steps);
  void kill(place child, time_point now, supervisor_steps& steps);
  void gone(place child, time_point now);
  void lift_barrier(place child, time_point now);
  bool stop_is_barred() const;
  void restart_group(place child, time_point at, time_point now);
  void stop_due(time_point now, supervisor_steps& steps);
  void start_due(time_point now, supervisor_steps& steps);
  std::optional<child_key> next_in_order() const;
  void begin(place child, time_point now, supervisor_steps& steps);
  supervisor_steps advance(time_point now);
  supervisor_steps escalate(child_key child, failure why, std::string because);

  supervision_options options_;
  auto_shutdown ends_;
  order order_;
  std::map<child_key, child_state> children_;
  restart_window window_;
  std::optional<failure> escalated_;
  bool ending_ = false;
  bool all_gone_ = false;

  std::set<child_key> first_starts_; // of start_all, not begun yet
  std::set<child_key> restarts_;     // that wait
  std::set<std::pair<time_point, child_key>> restarts_due_;
  std::set<child_key> stops_; // queued
  std::set<std::pair<time_point, child_key>> stops_at_latest_;
  std::set<std::pair<time_point, child_key>> deadlines_; // of those told or killed
  std::set<child_key> barriers_; // told, with no limit: those before it wait for it

  std::size_t alive_ = 0;          // starting, running or stopping
  std::size_t stopping_ = 0;       // queued ones included
  std::size_t starting_ = 0;       // for all, or a restart
  std::size_t starting_first_ = 0; // for all
  std::size_t never_started_ = 0;  // likewise, whatever became of it meanwhile
};

std::string_view to_string(supervisor_state::child_now state) noexcept;

} // namespace weir
