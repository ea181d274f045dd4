#pragma once

#include <weir/actors/runtime.hpp>
#include <weir/supervision/supervisor_state.hpp>

#include <chrono>
#include <compare>
#include <condition_variable>
#include <cstddef>
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
#include <utility>
#include <vector>

namespace weir {

/// A child of a supervisor, whichever instance of it runs: it stays the same over restarts, also of the
/// supervisor itself.
class child_ref {
public:
  child_ref() = default;
  auto operator<=>(const child_ref&) const = default;

private:
  friend class supervisor;
  child_ref(std::uint64_t owner, child_key key) : owner_{owner}, key_{key} {}

  std::uint64_t owner_ = 0; // nobody's
  child_key key_ = 0;
};

/// What became of a request.
struct child_answer {
  enum class kind {
    done,
    ignored, ///< the child says that it isn't needed; its spec is kept unless it is temporary
    already_started, ///< `child` is the one
    already_present, ///< its spec is known, but it is down, or waits to be restarted
    running,         ///< it can't be restarted or deleted while it is
    restarting,      ///< likewise
    not_found,
    refused, ///< not for this kind of supervisor, or a spec that can't be: `why` says it
    failed,  ///< it could not be started
    ended    ///< the supervisor isn't running
  };
  kind what = kind::done;
  child_ref child; ///< of done, ignored and already_started
  failure why;     ///< of what was not done

  explicit operator bool() const { return what == kind::done || what == kind::ignored; }
};

struct child_view {
  child_ref child;
  std::string id;
  supervisor_state::child_now now = supervisor_state::child_now::down;
  child_type type = child_type::worker;
  std::uint64_t restarts = 0;
  failure last_failure; ///< an empty chain if there was none
};

struct child_count {
  std::size_t specs = 0;
  std::size_t active = 0; ///< those that are starting, running or stopping
  std::size_t supervisors = 0;
  std::size_t workers = 0;
  std::size_t abandoned = 0; ///< instances that would not go, and have not been heard of since
  bool operator==(const child_count&) const = default;
};

/// What a supervisor tells about its children, as it happens.
struct child_event {
  enum class kind { started, ignored, ended, failed, killed, abandoned, escalated, shut_down };
  kind what;
  std::string child; ///< its id
  failure why;       ///< of failed, killed, abandoned and escalated
  child_ref ref;     ///< which one it is, of several children of a dynamic supervisor
};

struct supervisor_options {
  supervision_options supervision{};
  weir::auto_shutdown auto_shutdown = weir::auto_shutdown::never;
  /// In the order of their start. Of a dynamic supervisor: the one spec that all its children have.
  std::vector<child_spec> children{};
  /// Called in turns of the supervisor; must not block. What it throws is ignored.
  std::function<void(const child_event&)> report = [](const child_event&) {};
};

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
  /// The same without giving them time.
  void kill();

  /// Why it ended; nothing until then, or if it never started.
  struct ending {
    exit_reason reason = exit_reason::normal;
    failure why; ///< of failed
  };
  /// Not from a turn. Of one that has never begun there is nothing to wait for.
  std::optional<ending> wait_until(time_point deadline);
  ending wait();

  state now_is() const;
  std::optional<ending> ended() const;

  // --- children --------------------------------------------------------------------------------------
  /// Adds a child and starts it.
  std::future<child_answer> start_child(child_spec spec);
  /// Of a dynamic supervisor: another child of its one spec, started by `start` if that is given.
  std::future<child_answer> start_child(start_function start = {});
  /// The same for those who can't wait, such as turns: the answer comes in a turn of the supervisor or, if there is
  /// nothing to wait for, from this call. `on_answer` must not block; what it throws in a turn is ignored.
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
  /// With the default of `shutdown` filled in.
  result<child_spec> get_child_spec(std::string_view id) const;
  result<child_spec> get_child_spec(child_ref which) const;

  /// This supervisor as a child of another one, which it must outlive. It may take as long to stop as its own
  /// children may; to give it a limit or none is to set `shutdown`.
  child_spec as_child(weir::restart restart = restart::permanent);

  activity turn() override;
  void crashed(failure why) noexcept override;

private:
  /// Where children leave their news, even when nobody hears them any more.
  struct inbox;
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
    bool was_ignored = false;             // likewise
    std::vector<waiter> waiters;
  };
  struct addressed_news;
  using kind = child_answer::kind;

  // All of these require the lock.
  std::vector<std::string> problems() const;
  result<void> begin(std::optional<child_link> parent);
  void stop_children(ending why);
  void kill_children(ending why);
  std::optional<std::chrono::milliseconds> stop_time() const;
  void add(supervisor_steps steps);
  child_key add_child(child_spec spec);
  std::optional<child_key> find(std::string_view id) const;
  std::optional<child_key> find(child_ref which) const;
  child_answer no(kind what, std::string why) const;
  child_answer refusal(std::vector<std::string> problems) const;
  child_answer not_found(std::string_view id) const;
  child_view view(child_key key) const;
  child_spec spec_of(child_key key) const;
  std::optional<child_answer> is_there(std::string_view id) const;
  std::optional<child_answer> add_and_start(child_spec spec, waiter who);
  std::optional<child_answer> add_and_start(start_function start, waiter who);
  template <class What> // a child_spec, or a start_function
  std::future<child_answer> start_and_promise(What what);
  template <class What>
  void start_and_tell(What what, std::function<void(child_answer)> on_answer);
  std::future<child_answer> when_started(child_key key);
  void answer(waiter& who, child_answer what);
  std::future<child_answer> terminate(child_key key);
  void hear(addressed_news news);
  void abandon(child_key key);
  void settle(child_key key);
  void tell(child_event::kind kind, child_key key, failure why = {});
  void finish();

  activity take_turn();
  void carry_out(const supervisor_step& step, std::unique_lock<std::mutex>& lock);
  void start(child_key key, std::unique_lock<std::mutex>& lock);
  void send(std::unique_lock<std::mutex>& lock);

  runtime& node_;
  const supervisor_options options_;
  const std::uint64_t identity_;
  const std::shared_ptr<inbox> inbox_;

  mutable std::mutex lock_; // guards what follows
  std::condition_variable changed_;
  bool spawned_ = false;
  bool leaving_ = false; // the destructor waits for its last turn
  bool crashed_ = false;
  state now_ = state::idle;
  supervisor_state decides_;
  std::map<child_key, member> members_;
  std::map<std::string, child_key, std::less<>> ids_; // not of a dynamic supervisor
  child_key next_key_ = 1;
  std::uint64_t next_instance_ = 0;
  std::map<std::uint64_t, child> abandoned_; // by instance
  std::deque<addressed_news> heard_;
  std::deque<supervisor_step> to_do_;
  std::string ended_by_; // the id of the child for which it shuts down: by then it may be forgotten
  std::vector<child_event> to_tell_;
  std::vector<std::pair<std::function<void(child_answer)>, child_answer>> to_answer_;
  std::vector<child> to_drop_; // outside of the lock: dropping one may take a moment
  std::optional<ending> ending_;
  std::optional<child_link> parent_;
  std::vector<std::promise<result<void>>> starters_;
};

std::string_view to_string(child_answer::kind kind) noexcept;
std::string_view to_string(child_event::kind kind) noexcept;

} // namespace weir
