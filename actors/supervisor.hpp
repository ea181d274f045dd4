#pragma once

#include <weir/actors/actor.hpp>
#include <weir/actors/child_answer.hpp>
#include <weir/actors/child_count.hpp>
#include <weir/actors/child_event.hpp>
#include <weir/actors/child_inbox.hpp>
#include <weir/actors/child_ref.hpp>
#include <weir/actors/child_view.hpp>
#include <weir/actors/runtime.hpp>
#include <weir/actors/supervisor_options.hpp>
#include <weir/actors/supervisor_outbox.hpp>
#include <weir/supervision/supervisor_state.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// Starts its children, restarts them when they end, and stops them, in the way of OTP's supervisor. A child is
/// whatever can be started and stopped: a thread, a pipeline, another supervisor.
///
/// Owner: one thread constructs and destroys it; everything else may be called from any, from turns too, and
/// does not wait: what takes time answers in a future. It can be started again once it has ended.
/// Invariants: it never waits for a child, neither for its start nor for its stop.
/// Failure: when it escalates, it stops its children and ends with a chain: supervisor ← child ← cause. What was
/// added with start_child is there again when it is restarted, unless it is temporary.
class supervisor final : public actor {
public:
  enum class state { idle, starting, running, stopping, ended };

  supervisor(runtime& node, std::string name, supervisor_options options);
  /// Stops what still runs, and waits for that. Not from a turn.
  ~supervisor() override;

  /// Ready when all children have started, or one could not be and the others have stopped again.
  std::future<result<void>> start();
  /// Stops the children, the last first, then ends. At once; see wait.
  void stop();
  /// Stops the children without giving them time.
  void kill();

  /// Why it ended; nothing until then, or if it never started.
  struct ending {
    exit_reason reason = exit_reason::normal;
    failure why; ///< of failed
  };
  /// Waits until it has ended; nothing if it hasn't by the deadline. Not from a turn.
  std::optional<ending> wait_until(time_point deadline);
  /// Waits until it has ended; there is nothing to wait for if it has never begun. Not from a turn.
  ending wait();

  state now_is() const;
  std::optional<ending> ended() const;

  // --- children --------------------------------------------------------------------------------------
  /// Adds a child and starts it.
  std::future<child_answer> start_child(child_spec spec);
  /// Adds another child of the one spec of a dynamic supervisor, and starts it by `start` if that is given.
  std::future<child_answer> start_child(start_function start = {});
  /// Adds and starts a child for those who can't wait, such as turns: the answer comes in a turn of the supervisor or,
  /// if there is nothing to wait for, from this call. `on_answer` must not block; what it throws in a turn is ignored.
  void start_child(child_spec spec, std::function<void(child_answer)> on_answer);
  void start_child(start_function start, std::function<void(child_answer)> on_answer);
  /// Ready when it is gone, or if it was not there. A spec is kept unless it is temporary.
  std::future<child_answer> terminate_child(std::string_view id);
  std::future<child_answer> terminate_child(child_ref which); ///< of a dynamic supervisor
  std::future<child_answer> restart_child(std::string_view id);
  child_answer delete_child(std::string_view id);
  /// Replaces the spec of the same id. It holds when the child is next started, stopped or has ended.
  child_answer change_child(child_spec spec);

  // Once it has ended, these say what was last.
  std::vector<child_view> which_children() const;
  result<child_view> which_child(std::string_view id) const;
  result<child_view> which_child(child_ref which) const;
  child_count count_children() const;
  /// The spec of a child, with the default of `shutdown` filled in.
  result<child_spec> get_child_spec(std::string_view id) const;
  result<child_spec> get_child_spec(child_ref which) const;

  /// This supervisor as a child of another one, which it must outlive. It may take as long to stop as its own
  /// children may; to give it a limit or none is to set `shutdown`.
  child_spec as_child(weir::restart restart = restart::permanent);

  activity turn() override;
  void crashed(failure why) noexcept override;

private:
  /// Who waits for what becomes of a child.
  struct waiter {
    bool for_start; // else until it is gone
    std::promise<child_answer> answer;
    std::function<void(child_answer)> on_answer{}; // takes it instead, if there is one
  };
  /// What stands behind a child of the state machine.
  struct member {
    std::string id;
    std::uint64_t instance = 0; // 0: none
    std::optional<child> alive;
    failure last_failure;
    std::optional<failure> start_failure; // of the latest start
    bool was_ignored = false;             // by the latest start
    std::vector<waiter> waiters;
  };
  using kind = child_answer::kind;

  // All that follows requires the lock.
  result<void> begin(std::optional<child_link> parent);
  void enter_children(bool again);
  void enter(internal::child_key key, child_spec spec);
  void stop_children(ending why);
  void kill_children(ending why);
  std::optional<std::chrono::milliseconds> stop_time() const;
  void add(internal::supervisor_steps steps);
  internal::child_key add_child(child_spec spec);
  std::optional<internal::child_key> find(std::string_view id) const;
  std::optional<internal::child_key> find(child_ref which) const;
  child_answer no(kind what, std::string why) const;
  child_answer refusal(std::vector<std::string> problems) const;
  child_answer not_found(std::string_view id) const;
  child_view view(internal::child_key key) const;
  child_spec spec_of(internal::child_key key) const;
  std::optional<child_answer> is_there(std::string_view id) const;
  std::optional<child_answer> add_and_start(child_spec spec, waiter who);
  std::optional<child_answer> add_and_start(start_function start, waiter who);
  template <class What> // a child_spec, or a start_function
  std::future<child_answer> start_and_promise(What what);
  template <class What>
  void start_and_tell(What what, std::function<void(child_answer)> on_answer);
  std::future<child_answer> when_started(internal::child_key key);
  void answer(waiter& who, child_answer what);
  std::future<child_answer> terminate(internal::child_key key);
  void hear(internal::addressed_news one);
  void hear_late(const internal::addressed_news& one);
  void hear_started(internal::child_key key);
  void hear_end(internal::child_key key, member& who, internal::child_news news);
  void abandon(internal::child_key key);
  void settle(internal::child_key key);
  std::optional<child_answer> answer_to_start(internal::child_key key, const member& who,
                                              child_now now) const;
  std::optional<child_answer> answer_to_stop(internal::child_key key, child_now now) const;
  void tell(child_event::kind kind, internal::child_key key, failure why = {});
  void finish();

  activity take_turn();
  void carry_out(const internal::supervisor_step& step, std::unique_lock<std::mutex>& lock);
  void order(const internal::supervisor_step& step, std::unique_lock<std::mutex>& lock);
  void start(internal::child_key key, std::unique_lock<std::mutex>& lock);
  void take_start(internal::child_key key, std::uint64_t instance, member& who,
                  start_answer answer);

  runtime& node_;
  const supervisor_options options_;
  const std::uint64_t identity_;
  const std::shared_ptr<internal::child_inbox> inbox_;

  mutable std::mutex lock_; // guards what follows
  std::condition_variable changed_;
  bool spawned_ = false;
  bool leaving_ = false; // the destructor waits for its last turn
  bool crashed_ = false;
  state now_ = state::idle;
  internal::supervisor_state decides_;
  std::map<internal::child_key, member> members_;
  std::map<std::string, internal::child_key, std::less<>> ids_; // not of a dynamic supervisor
  internal::child_key next_key_ = 1;
  std::uint64_t next_instance_ = 0;
  std::map<std::uint64_t, child> abandoned_; // by instance
  std::deque<internal::addressed_news> heard_;
  std::deque<internal::supervisor_step> to_do_;
  std::string ended_by_; // the id of the child for which it shuts down: by then it may be forgotten
  internal::supervisor_outbox outbox_;
  std::optional<ending> ending_;
  std::optional<child_link> parent_;
  std::vector<std::promise<result<void>>> starters_;
};

} // namespace weir
