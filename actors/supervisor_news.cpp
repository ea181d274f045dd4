#include <weir/actors/supervisor.hpp>

#include <utility>

// What a supervisor hears of its children, and answers to those who waited for it.

namespace weir {

void supervisor::hear(internal::addressed_news one) {
  const auto found = members_.find(one.child);
  if (found == members_.end() || found->second.instance != one.instance) {
    hear_late(one);
    return;
  }
  const bool known = decides_.has(one.child); // else it is about to be abandoned
  if (one.news.what == internal::child_news::kind::started) {
    if (known)
      hear_started(one.child);
    return;
  }
  auto& who = found->second;
  if (who.alive)
    outbox_.drop(std::move(*who.alive));
  who.alive.reset();
  who.instance = 0;
  if (known)
    hear_end(one.child, who, std::move(one.news));
  settle(one.child);
}

/// The news of an instance that nobody waits for any more: it is dropped once it is gone.
void supervisor::hear_late(const internal::addressed_news& one) {
  const auto late = abandoned_.find(one.instance);
  if (late == abandoned_.end() || one.news.what == internal::child_news::kind::started)
    return;
  outbox_.drop(std::move(late->second));
  abandoned_.erase(late);
}

void supervisor::hear_started(internal::child_key key) {
  const bool expected = decides_.now_is(key) == child_now::starting;
  add(decides_.started(key, node_.now()));
  if (expected)
    tell(child_event::kind::started, key);
  settle(key);
}

/// The instance has ended, or isn't needed.
void supervisor::hear_end(internal::child_key key, member& who, internal::child_news news) {
  const auto now = node_.now();
  const bool starting = decides_.now_is(key) == child_now::starting;
  if (news.what == internal::child_news::kind::ignored && starting) {
    who.was_ignored = true;
    tell(child_event::kind::ignored, key);
    add(decides_.ignored(key, now));
    return;
  }
  auto why = std::move(news.why); // one that isn't needed any more has ended normally
  if (starting) {
    if (news.reason != exit_reason::failed)
      why = fatal("it ended before it had started");
    who.start_failure = why;
  }
  if (!why.chain.empty())
    who.last_failure = why;
  tell(why.chain.empty() ? child_event::kind::ended : child_event::kind::failed, key, why);
  add(decides_.exited(key, news.reason, 1, std::move(why), now, node_.random()));
}

/// Answers those who waited for what has become of the child, and forgets one that is gone.
void supervisor::settle(internal::child_key key) {
  const auto found = members_.find(key);
  if (found == members_.end())
    return;
  auto& who = found->second;
  const bool known = decides_.has(key);
  const auto now = known ? decides_.now_is(key) : child_now::down;
  std::erase_if(who.waiters, [&](waiter& one) {
    auto what = one.for_start ? answer_to_start(key, who, now) : answer_to_stop(key, now);
    if (what)
      answer(one, std::move(*what));
    return what.has_value();
  });
  if (known || who.alive) // one that is alive is about to be abandoned
    return;
  if (const auto id = ids_.find(who.id); id != ids_.end() && id->second == key)
    ids_.erase(id);
  members_.erase(found);
}

/// What whoever waits for its start is answered; nothing while that isn't clear.
std::optional<child_answer> supervisor::answer_to_start(internal::child_key key, const member& who,
                                                        child_now now) const {
  const child_ref self{identity_, key};
  if (now == child_now::running)
    return child_answer{kind::done, self, {}};
  if (now != child_now::down)
    return std::nullopt;
  if (who.was_ignored)
    return child_answer{kind::ignored, self, {}};
  return child_answer{kind::failed,
                      {},
                      who.start_failure.value_or(fatal("it was terminated before it had started"))
                          .within("supervisor '" + name() + "' could not start a child")};
}

/// What whoever waits for its end is answered; nothing while it isn't gone.
std::optional<child_answer> supervisor::answer_to_stop(internal::child_key key,
                                                       child_now now) const {
  if (now == child_now::stopping)
    return std::nullopt;
  return child_answer{kind::done, {identity_, key}, {}};
}

} // namespace weir
