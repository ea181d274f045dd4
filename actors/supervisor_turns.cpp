#include <weir/actors/supervisor.hpp>

#include <cstddef>
#include <utility>

// What a supervisor does in its turns: it hears the news of its children, as supervisor_news.cpp has it, carries out
// what is decided, and answers.

namespace weir {

namespace {

/// Steps of one turn, before others have theirs.
constexpr std::size_t turn_steps = 1000;

} // namespace

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
  inbox_->move_to(heard_);
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
      outbox_.send(lock, options_.report);
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
  outbox_.send(lock, options_.report);
  if (!to_do_.empty())
    return activity::again();
  if (leaving_ && (now_ == state::idle || now_ == state::ended))
    return activity::finished();
  return activity::asleep(decides_.next_due());
}

/// Notes what is to be done, which turns do.
void supervisor::add(internal::supervisor_steps steps) {
  for (const auto& step : steps)
    if (step.what == internal::supervisor_step::kind::shut_down)
      ended_by_ = members_.at(step.child).id;
  to_do_.insert(to_do_.end(), steps.begin(), steps.end());
  if (!steps.empty())
    wake();
}

void supervisor::carry_out(const internal::supervisor_step& step,
                           std::unique_lock<std::mutex>& lock) {
  switch (step.what) {
  case internal::supervisor_step::kind::start:
    start(step.child, lock);
    break;
  case internal::supervisor_step::kind::stop:
  case internal::supervisor_step::kind::kill:
    order(step, lock);
    break;
  case internal::supervisor_step::kind::abandon:
    abandon(step.child);
    break;
  case internal::supervisor_step::kind::escalate: {
    auto why = *decides_.escalated();
    why = std::move(why).within("supervisor '" + name() + "'");
    tell(child_event::kind::escalated, step.child, why);
    stop_children({exit_reason::failed, std::move(why)});
    return;
  }
  case internal::supervisor_step::kind::shut_down:
    tell(child_event::kind::shut_down, step.child);
    stop_children({exit_reason::shutdown, {}});
    return;
  case internal::supervisor_step::kind::all_gone:
    outbox_.send(lock, options_.report);
    finish();
    return;
  }
  settle(step.child);
}

/// Tells a child to stop, or kills it, without the lock.
void supervisor::order(const internal::supervisor_step& step, std::unique_lock<std::mutex>& lock) {
  const auto found = members_.find(step.child);
  if (found == members_.end())
    return;
  auto& who = found->second;
  const bool kills = step.what == internal::supervisor_step::kind::kill;
  if (!who.alive) { // it never came to be, or ended just before
    add(decides_.stopped(step.child, node_.now()));
    return;
  }
  if (kills)
    tell(child_event::kind::killed, step.child);
  const bool abandons = kills && !who.alive->kill;
  // What can't be killed is told at least that nobody waits for it, if it was not told to stop before.
  auto call = kills && !abandons ? who.alive->kill : std::exchange(who.alive->stop, {});
  if (abandons) {
    abandon(step.child);
    add(decides_.stopped(step.child, node_.now()));
  }
  lock.unlock();
  std::optional<failure> trouble;
  try {
    if (call)
      call();
  } catch (...) {
    trouble = describe_current_exception();
  }
  call = {};
  lock.lock();
  if (trouble)
    tell(child_event::kind::failed, step.child, std::move(*trouble));
}

/// The instance is no longer ours, but what it holds on to must stay until it is gone.
void supervisor::abandon(internal::child_key key) {
  const auto found = members_.find(key);
  if (found == members_.end() || !found->second.alive)
    return;
  auto& who = found->second;
  abandoned_.emplace(who.instance, std::move(*who.alive));
  who.alive.reset();
  who.instance = 0;
  tell(child_event::kind::abandoned, key, fatal("it did not stop, and could not be killed"));
}

void supervisor::start(internal::child_key key, std::unique_lock<std::mutex>& lock) {
  const auto found = members_.find(key);
  if (found == members_.end() || !decides_.has(key) || decides_.now_is(key) != child_now::starting
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
    answer = make(child_link{[to = inbox_, key, instance](internal::child_news news) {
      to->put({key, instance, std::move(news)});
    }});
  } catch (...) {
    answer = describe_current_exception();
  }
  make = {};
  lock.lock();
  // Only turns forget a child that is being started or stopped: `who` is still there.
  take_start(key, instance, who, std::move(answer));
}

/// Notes what the start function of a child has answered.
void supervisor::take_start(internal::child_key key, std::uint64_t instance, member& who,
                            start_answer answer) {
  if (auto* born = std::get_if<child>(&answer); born != nullptr && !born->stop && !born->kill)
    answer = fatal("its start answered with a child that can neither be stopped nor killed");
  if (auto* born = std::get_if<child>(&answer)) {
    const bool there = born->started;
    who.alive = std::move(*born);
    if (there)
      hear({key, instance, {.what = internal::child_news::kind::started, .why = {}}});
  } else if (auto* why = std::get_if<failure>(&answer)) {
    hear({key,
          instance,
          {.what = internal::child_news::kind::exited,
           .reason = exit_reason::failed,
           .why = std::move(*why)}});
  } else {
    hear({key, instance, {.what = internal::child_news::kind::ignored, .why = {}}});
  }
}

void supervisor::tell(child_event::kind what, internal::child_key key, failure why) {
  const auto found = members_.find(key); // a temporary child is forgotten at once
  outbox_.tell({what,
                found == members_.end() ? ended_by_ : found->second.id,
                std::move(why),
                {identity_, key}});
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
    outbox_.send(lock, options_.report);
  } catch (...) {
  }
}

} // namespace weir
