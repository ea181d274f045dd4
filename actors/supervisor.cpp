#include <weir/actors/supervisor.hpp>

#include <algorithm>
#include <atomic>
#include <utility>

namespace weir {

namespace {

/// Steps of one turn, before others have theirs.
constexpr std::size_t turn_steps = 1000;

std::uint64_t next_identity() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

} // namespace

struct supervisor::addressed_news {
  child_key child;
  std::uint64_t instance;
  child_news news;
};

struct supervisor::inbox {
  std::mutex lock; // guards what follows
  waker* owner = nullptr;
  std::deque<addressed_news> news; // bounded: an instance has two words

  void put(addressed_news one) {
    const std::lock_guard guard{lock};
    if (owner == nullptr)
      return;
    news.push_back(std::move(one));
    owner->wake();
  }
};

supervisor::supervisor(runtime& node, std::string name, supervisor_options options)
    : actor{std::move(name)},
      node_{node},
      options_{std::move(options)},
      identity_{next_identity()},
      inbox_{std::make_shared<inbox>()},
      decides_{options_.supervision, options_.auto_shutdown} {
  inbox_->owner = this;
}

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
  const std::lock_guard lock{inbox_->lock};
  inbox_->owner = nullptr;
}

// --- life --------------------------------------------------------------------------------------------

std::vector<std::string> supervisor::problems() const {
  auto all = weir::problems(options_.supervision);
  const bool is_dynamic = options_.supervision.strategy == strategy::dynamic;
  const auto ends = options_.auto_shutdown;
  if (ends != auto_shutdown::never && ends != auto_shutdown::any_significant
      && ends != auto_shutdown::all_significant)
    all.push_back("auto_shutdown is never, any_significant or all_significant, found "
                  + std::to_string(static_cast<int>(ends)));
  if (is_dynamic && ends != auto_shutdown::never)
    all.emplace_back("auto_shutdown is not for a dynamic supervisor");
  if (is_dynamic && options_.children.size() != 1)
    all.push_back("a dynamic supervisor has one child spec, found "
                  + std::to_string(options_.children.size()));
  for (std::size_t k = 0; k < options_.children.size(); ++k) {
    const auto& spec = options_.children[k];
    for (auto& one : weir::problems(spec, options_.auto_shutdown))
      // The children of a dynamic supervisor may bring a start each.
      if (!(is_dynamic && !spec.start && one.ends_with("start is missing")))
        all.push_back(std::move(one));
    const auto same = [&](const child_spec& other) { return other.id == spec.id; };
    const auto first = options_.children.begin();
    if (std::any_of(first, first + static_cast<std::ptrdiff_t>(k), same))
      all.push_back("two children have the id '" + spec.id + "'");
  }
  return all;
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
  if (auto found = problems(); !found.empty())
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
  const bool again = now_ == state::ended;
  members_.clear(); // of its last life, as all the rest
  ids_.clear();
  auto known = decides_.take_specs();
  decides_ = supervisor_state{options_.supervision, options_.auto_shutdown};
  const auto enter = [&](child_key key, child_spec spec) {
    if (options_.supervision.strategy != strategy::dynamic)
      ids_[spec.id] = key;
    members_[key].id = spec.id;
    decides_.add(key, std::move(spec));
  };
  const auto given =
      options_.supervision.strategy == strategy::dynamic ? 0 : options_.children.size();
  next_key_ = std::max<child_key>(next_key_, given + 1);
  for (auto& [key, spec] : known)
    if (key > given && spec.restart != restart::temporary)
      enter(key, std::move(spec)); // it was added
  for (std::size_t k = 0; k < given; ++k) {
    const auto& spec = options_.children[k];
    const child_key key = k + 1;
    if (const auto found = known.find(key); found != known.end() && found->second.start)
      enter(key, std::move(found->second));
    else if ((!again || spec.restart == restart::temporary) && !ids_.contains(spec.id))
      enter(key, spec); // else it was deleted, or another one has taken its id
  }
  now_ = state::starting;
  ending_.reset();
  parent_ = std::move(parent);
  add(decides_.start_all(node_.now()));
  wake();
  return {};
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

// --- turns -------------------------------------------------------------------------------------------

activity supervisor::turn() {
  try {
    return take_turn();
  } catch (...) { // there was no memory, or it is a defect: it ends, but nobody is left alone
    auto why = describe_current_exception().within("supervisor '" + name() + "'");
    const std::lock_guard lock{lock_};
    kill_children({exit_reason::failed, std::move(why)});
    return activity::again();
  }
}

activity supervisor::take_turn() {
  std::unique_lock lock{lock_};
  {
    const std::lock_guard guard{inbox_->lock};
    for (; !inbox_->news.empty(); inbox_->news.pop_front())
      heard_.push_back(std::move(inbox_->news.front()));
  }
  while (!heard_.empty()) {
    auto one = std::move(heard_.front());
    heard_.pop_front();
    hear(std::move(one));
  }
  add(decides_.due(node_.now()));
  for (std::size_t done = 0; done < turn_steps && !to_do_.empty(); ++done) {
    const auto step = to_do_.front();
    to_do_.pop_front();
    carry_out(step, lock);
    if (to_do_.empty()) {
      send(lock);
      add(decides_.due(node_.now())); // without delays something is due at once
    }
  }
  if (now_ == state::starting && decides_.all_started()) {
    now_ = state::running;
    for (auto& one : std::exchange(starters_, {}))
      one.set_value({});
    if (parent_)
      parent_->started();
  }
  send(lock);
  if (!to_do_.empty())
    return activity::again();
  if (leaving_ && (now_ == state::idle || now_ == state::ended))
    return activity::finished();
  return activity::asleep(decides_.next_due());
}

/// Notes what is to be done, which turns do.
void supervisor::add(supervisor_steps steps) {
  for (const auto& step : steps)
    if (step.what == supervisor_step::kind::shut_down)
      ended_by_ = members_.at(step.child).id;
  to_do_.insert(to_do_.end(), steps.begin(), steps.end());
  if (!steps.empty())
    wake();
}

void supervisor::hear(addressed_news one) {
  const auto found = members_.find(one.child);
  if (found == members_.end() || found->second.instance != one.instance) {
    if (const auto late = abandoned_.find(one.instance);
        late != abandoned_.end() && one.news.what != child_news::kind::started) {
      to_drop_.push_back(std::move(late->second));
      abandoned_.erase(late);
    }
    return;
  }
  const auto now = node_.now();
  const bool known = decides_.has(one.child); // else it is about to be abandoned
  if (one.news.what == child_news::kind::started) {
    if (!known)
      return;
    const bool expected = decides_.now_is(one.child) == supervisor_state::child_now::starting;
    add(decides_.started(one.child, now));
    if (expected)
      tell(child_event::kind::started, one.child);
    settle(one.child);
    return;
  }
  auto& who = found->second;
  if (who.alive)
    to_drop_.push_back(std::move(*who.alive));
  who.alive.reset();
  who.instance = 0;
  if (!known) {
    settle(one.child);
    return;
  }
  const bool starting = decides_.now_is(one.child) == supervisor_state::child_now::starting;
  if (one.news.what == child_news::kind::ignored && starting) {
    who.was_ignored = true;
    tell(child_event::kind::ignored, one.child);
    add(decides_.ignored(one.child, now));
    settle(one.child);
    return;
  }
  auto why = std::move(one.news.why); // one that isn't needed any more has ended normally
  if (starting) {
    if (one.news.reason != exit_reason::failed)
      why = fatal("it ended before it had started");
    who.start_failure = why;
  }
  if (!why.chain.empty())
    who.last_failure = why;
  tell(why.chain.empty() ? child_event::kind::ended : child_event::kind::failed, one.child, why);
  add(decides_.exited(one.child, one.news.reason, 1, std::move(why), now, node_.random()));
  settle(one.child);
}

/// Answers those who waited for what has become of the child, and forgets one that is gone.
void supervisor::settle(child_key key) {
  const auto found = members_.find(key);
  if (found == members_.end())
    return;
  auto& who = found->second;
  using enum supervisor_state::child_now;
  const bool known = decides_.has(key);
  const auto now = known ? decides_.now_is(key) : down;
  const child_ref self{identity_, key};
  std::erase_if(who.waiters, [&](waiter& one) {
    if (!one.for_start) {
      if (now == stopping)
        return false;
      answer(one, {kind::done, self, {}});
      return true;
    }
    if (now == running)
      answer(one, {kind::done, self, {}});
    else if (now != down)
      return false;
    else if (who.was_ignored)
      answer(one, {kind::ignored, self, {}});
    else
      answer(one, {kind::failed,
                   {},
                   who.start_failure.value_or(fatal("it was terminated before it had started"))
                       .within("supervisor '" + name() + "' could not start a child")});
    return true;
  });
  if (known || who.alive) // one that is alive is about to be abandoned
    return;
  if (const auto id = ids_.find(who.id); id != ids_.end() && id->second == key)
    ids_.erase(id);
  members_.erase(found);
}

void supervisor::carry_out(const supervisor_step& step, std::unique_lock<std::mutex>& lock) {
  switch (step.what) {
  case supervisor_step::kind::start:
    start(step.child, lock);
    break;
  case supervisor_step::kind::stop:
  case supervisor_step::kind::kill: {
    const auto found = members_.find(step.child);
    if (found == members_.end())
      return;
    auto& who = found->second;
    const bool kills = step.what == supervisor_step::kind::kill;
    if (!who.alive) { // it never came to be, or ended just before
      add(decides_.stopped(step.child, node_.now()));
      break;
    }
    if (kills)
      tell(child_event::kind::killed, step.child);
    const bool abandons = kills && !who.alive->kill;
    // What can't be killed is told at least that nobody waits for it, if it was not told to stop before.
    auto order = kills && !abandons ? who.alive->kill : std::exchange(who.alive->stop, {});
    if (abandons) {
      abandon(step.child);
      add(decides_.stopped(step.child, node_.now()));
    }
    lock.unlock();
    std::optional<failure> trouble;
    try {
      if (order)
        order();
    } catch (...) {
      trouble = describe_current_exception();
    }
    order = {};
    lock.lock();
    if (trouble)
      tell(child_event::kind::failed, step.child, std::move(*trouble));
    break;
  }
  case supervisor_step::kind::abandon:
    abandon(step.child);
    break;
  case supervisor_step::kind::escalate: {
    auto why = *decides_.escalated();
    why = std::move(why).within("supervisor '" + name() + "'");
    tell(child_event::kind::escalated, step.child, why);
    stop_children({exit_reason::failed, std::move(why)});
    return;
  }
  case supervisor_step::kind::shut_down:
    tell(child_event::kind::shut_down, step.child);
    stop_children({exit_reason::shutdown, {}});
    return;
  case supervisor_step::kind::all_gone:
    send(lock);
    finish();
    return;
  }
  settle(step.child);
}

/// The instance is no longer ours, but what it holds on to must stay until it is gone.
void supervisor::abandon(child_key key) {
  const auto found = members_.find(key);
  if (found == members_.end() || !found->second.alive)
    return;
  auto& who = found->second;
  abandoned_.emplace(who.instance, std::move(*who.alive));
  who.alive.reset();
  who.instance = 0;
  tell(child_event::kind::abandoned, key, fatal("it did not stop, and could not be killed"));
}

void supervisor::start(child_key key, std::unique_lock<std::mutex>& lock) {
  const auto found = members_.find(key);
  if (found == members_.end() || !decides_.has(key)
      || decides_.now_is(key) != supervisor_state::child_now::starting
      || found->second.instance != 0)
    return;
  auto& who = found->second;
  const auto instance = ++next_instance_;
  who.instance = instance;
  who.start_failure.reset();
  who.was_ignored = false;
  auto make = decides_.take_start(key);
  lock.unlock();
  start_answer answer;
  try {
    answer = make(child_link{[to = inbox_, key, instance](child_news news) {
      to->put({key, instance, std::move(news)});
    }});
  } catch (...) {
    answer = describe_current_exception();
  }
  make = {};
  lock.lock();
  // Only turns forget a child that is being started or stopped: `who` is still there.
  if (auto* born = std::get_if<child>(&answer); born != nullptr && !born->stop && !born->kill)
    answer = fatal("its start answered with a child that can neither be stopped nor killed");
  if (auto* born = std::get_if<child>(&answer)) {
    const bool there = born->started;
    who.alive = std::move(*born);
    if (there)
      hear({key, instance, {.what = child_news::kind::started, .why = {}}});
  } else if (auto* why = std::get_if<failure>(&answer)) {
    hear({key,
          instance,
          {.what = child_news::kind::exited,
           .reason = exit_reason::failed,
           .why = std::move(*why)}});
  } else {
    hear({key, instance, {.what = child_news::kind::ignored, .why = {}}});
  }
}

void supervisor::tell(child_event::kind what, child_key key, failure why) {
  const auto found = members_.find(key); // a temporary child is forgotten at once
  to_tell_.push_back({what,
                      found == members_.end() ? ended_by_ : found->second.id,
                      std::move(why),
                      {identity_, key}});
}

/// Tells what is to be told, and drops what is to be dropped, without the lock.
void supervisor::send(std::unique_lock<std::mutex>& lock) {
  while (!to_tell_.empty() || !to_answer_.empty() || !to_drop_.empty()) {
    const auto events = std::exchange(to_tell_, {});
    auto answers = std::exchange(to_answer_, {});
    auto drop = std::exchange(to_drop_, {});
    lock.unlock();
    for (const auto& one : events)
      try {
        options_.report(one);
      } catch (...) { // it concerns neither the child nor the supervisor
      }
    for (auto& [on_answer, what] : answers)
      try {
        on_answer(std::move(what));
      } catch (...) { // likewise
      }
    drop.clear();
    lock.lock();
  }
}

/// What a turn can't catch: not even the orders to its children could be noted.
void supervisor::crashed(failure why) noexcept {
  std::map<std::uint64_t, child> alive;
  {
    const std::lock_guard lock{lock_};
    crashed_ = true;
    ending_ = ending{exit_reason::failed, std::move(why).within("supervisor '" + name() + "'")};
    for (auto& [key, who] : members_)
      if (auto one = std::exchange(who.alive, {}))
        alive.emplace(std::exchange(who.instance, 0), std::move(*one));
  }
  for (auto& [instance, one] : alive)
    try {
      if (auto& order = one.kill ? one.kill : one.stop) // none: it was told to stop before
        order();
    } catch (...) {
    }
  alive.clear();
  std::unique_lock lock{lock_};
  finish();
  try {
    send(lock);
  } catch (...) {
  }
}

} // namespace weir
