#include <weir/actors/supervisor.hpp>

#include <algorithm>
#include <atomic>
#include <utility>

// The life of a supervisor: how it is started, told to stop, and ends. Its turns are in supervisor_turns.cpp, and what
// others ask of it in supervisor_requests.cpp.

namespace weir {

namespace {

std::uint64_t next_identity() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

} // namespace

supervisor::supervisor(runtime& node, std::string name, supervisor_options options)
    : actor{std::move(name)},
      node_{node},
      options_{std::move(options)},
      identity_{next_identity()},
      inbox_{std::make_shared<internal::child_inbox>(*this)},
      decides_{options_.supervision, options_.auto_shutdown} {}

supervisor::~supervisor() {
  bool spawned = false;
  {
    const std::lock_guard lock{lock_};
    leaving_ = true;
    spawned = spawned_;
    stop_children({exit_reason::normal, {}});
  }
  wake();
  if (spawned)
    node_.join(*this);
  inbox_->close();
}

std::future<result<void>> supervisor::start() {
  const std::lock_guard lock{lock_};
  auto begun = begin({});
  auto& starter = starters_.emplace_back();
  auto answer = starter.get_future();
  if (!begun) {
    starter.set_value(std::move(begun));
    starters_.pop_back();
  }
  return answer;
}

result<void> supervisor::begin(std::optional<child_link> parent) {
  if (now_ != state::idle && now_ != state::ended)
    return fatal("it runs already").within("supervisor '" + name() + "'");
  if (crashed_)
    return fatal("it has crashed").within("supervisor '" + name() + "'");
  if (auto found = problems(options_); !found.empty())
    return failure{failure_kind::fatal, std::move(found), {}}.within("supervisor '" + name()
                                                                     + "' can't start");
  if (!spawned_) {
    try {
      node_.spawn(*this, execution::shared); // its first turn waits for the lock
      spawned_ = true;
    } catch (...) {
      return describe_current_exception().within("supervisor '" + name() + "' can't start");
    }
  }
  enter_children(now_ == state::ended);
  now_ = state::starting;
  ending_.reset();
  parent_ = std::move(parent);
  add(decides_.start_all(node_.now()));
  wake();
  return {};
}

/// The children of a new life: those of the options, and, if it starts `again`, what was added, without what was
/// deleted.
void supervisor::enter_children(bool again) {
  members_.clear(); // of its last life, as all the rest
  ids_.clear();
  auto known = decides_.take_specs();
  decides_ = internal::supervisor_state{options_.supervision, options_.auto_shutdown};
  const auto given =
      options_.supervision.strategy == strategy::dynamic ? 0 : options_.children.size();
  next_key_ = std::max<internal::child_key>(next_key_, given + 1);
  for (auto& [key, spec] : known)
    if (key > given && spec.restart != restart::temporary)
      enter(key, std::move(spec)); // it was added
  for (std::size_t k = 0; k < given; ++k) {
    const auto& spec = options_.children[k];
    const internal::child_key key = k + 1;
    if (const auto found = known.find(key); found != known.end() && found->second.start)
      enter(key, std::move(found->second));
    else if ((!again || spec.restart == restart::temporary) && !ids_.contains(spec.id))
      enter(key, spec); // else it was deleted, or another one has taken its id
  }
}

void supervisor::enter(internal::child_key key, child_spec spec) {
  if (options_.supervision.strategy != strategy::dynamic)
    ids_[spec.id] = key;
  members_[key].id = spec.id;
  decides_.add(key, std::move(spec));
}

void supervisor::stop() {
  const std::lock_guard lock{lock_};
  stop_children({exit_reason::normal, {}});
}

void supervisor::stop_children(ending why) {
  if (now_ != state::starting && now_ != state::running)
    return;
  now_ = state::stopping;
  ending_ = std::move(why);
  add(decides_.stop_all(node_.now()));
}

void supervisor::kill() {
  const std::lock_guard lock{lock_};
  kill_children({exit_reason::failed, fatal("killed").within("supervisor '" + name() + "'")});
}

void supervisor::kill_children(ending why) {
  if (now_ == state::idle || now_ == state::ended)
    return;
  if (std::exchange(now_, state::stopping) != state::stopping)
    ending_ = std::move(why);
  add(decides_.kill_all(node_.now()));
}

std::optional<std::chrono::milliseconds> supervisor::stop_time() const {
  const std::lock_guard lock{lock_};
  return decides_.stop_time();
}

/// All children are gone.
void supervisor::finish() {
  now_ = state::ended;
  for (auto& [key, who] : members_)
    for (auto& one : std::exchange(who.waiters, {}))
      answer(one, one.for_start ? no(kind::ended, "it has ended")
                                : child_answer{kind::done, {identity_, key}, {}});
  auto why = ending_->why;
  if (why.chain.empty())
    why = fatal("stopped before it had started").within("supervisor '" + name() + "'");
  for (auto& one : std::exchange(starters_, {}))
    one.set_value(why);
  if (auto parent = std::exchange(parent_, {})) {
    if (ending_->reason == exit_reason::failed)
      parent->exited(ending_->why);
    else
      parent->exited(ending_->reason);
  }
  changed_.notify_all();
}

std::optional<supervisor::ending> supervisor::wait_until(time_point deadline) {
  std::unique_lock lock{lock_};
  if (!node_.wait(lock, changed_, deadline, [this] { return now_ == state::ended; }))
    return std::nullopt;
  return ending_;
}

supervisor::ending supervisor::wait() {
  std::unique_lock lock{lock_};
  node_.wait(lock, changed_, {}, [this] { return now_ == state::ended || now_ == state::idle; });
  return ending_.value_or(ending{});
}

supervisor::state supervisor::now_is() const {
  const std::lock_guard lock{lock_};
  return now_;
}

std::optional<supervisor::ending> supervisor::ended() const {
  const std::lock_guard lock{lock_};
  return now_ == state::ended ? ending_ : std::nullopt;
}

child_spec supervisor::as_child(weir::restart restart) {
  return {.id = name(),
          .start = [this](child_link link) -> start_answer {
            const std::lock_guard lock{lock_};
            if (auto begun = begin(std::move(link)); !begun)
              return std::move(begun.error());
            return child{.stop =
                             [this] {
                               const std::lock_guard guard{lock_};
                               stop_children({exit_reason::shutdown, {}});
                             },
                         .kill = [this] { kill(); },
                         .started = false};
          },
          .restart = restart,
          .type = child_type::supervisor,
          .stop_time = [this] { return stop_time(); }};
}

} // namespace weir
