#include <weir/actors/supervisor.hpp>

#include <utility>

// What others ask of a supervisor: answered at once, or in a future that a turn fulfils.

namespace weir {

namespace {

std::future<child_answer> ready(child_answer answer) {
  std::promise<child_answer> promise;
  promise.set_value(std::move(answer));
  return promise.get_future();
}

} // namespace

child_answer supervisor::no(kind what, std::string why) const {
  return {what, {}, fatal(std::move(why)).within("supervisor '" + name() + "'")};
}

child_answer supervisor::refusal(std::vector<std::string> problems) const {
  failure why{failure_kind::fatal, std::move(problems), {}};
  return {kind::refused, {}, std::move(why).within("supervisor '" + name() + "' refuses a spec")};
}

child_answer supervisor::not_found(std::string_view id) const {
  return no(kind::not_found, "there is no child '" + std::string{id} + "'");
}

std::optional<internal::child_key> supervisor::find(std::string_view id) const {
  const auto found = ids_.find(id);
  if (found == ids_.end() || !decides_.has(found->second))
    return std::nullopt;
  return found->second;
}

std::optional<internal::child_key> supervisor::find(child_ref which) const {
  if (which.owner_ != identity_ || !members_.contains(which.key_) || !decides_.has(which.key_))
    return std::nullopt;
  return which.key_;
}

internal::child_key supervisor::add_child(child_spec spec) {
  const auto key = next_key_++;
  enter(key, std::move(spec));
  return key;
}

std::future<child_answer> supervisor::when_started(internal::child_key key) {
  auto& waiters = members_.at(key).waiters;
  waiters.push_back({true, {}});
  return waiters.back().answer.get_future();
}

/// The answer to a start under an id that is known.
std::optional<child_answer> supervisor::is_there(std::string_view id) const {
  const auto key = find(id);
  if (!key)
    return std::nullopt;
  using enum child_now;
  const auto now = decides_.now_is(*key);
  const bool present =
      now == down || ((now == restarting || now == starting) && !decides_.starts_anew(*key));
  auto answer = present
                    ? no(kind::already_present, "the spec of '" + std::string{id}
                                                    + "' is known already; the child is "
                                                    + std::string{to_string(now)})
                    : no(kind::already_started, "child '" + std::string{id} + "' is there already");
  if (!present)
    answer.child = {identity_, *key};
  return answer;
}

/// The answer, unless `who` has to wait for it.
std::optional<child_answer> supervisor::add_and_start(child_spec spec, waiter who) {
  if (now_ != state::starting && now_ != state::running)
    return no(kind::ended, "it isn't running");
  if (options_.supervision.strategy == strategy::dynamic)
    return no(kind::refused, "the children of a dynamic supervisor have its one spec");
  if (auto found = weir::problems(spec, options_.auto_shutdown); !found.empty())
    return refusal(std::move(found));
  if (auto there = is_there(spec.id))
    return there;
  const auto key = add_child(std::move(spec));
  members_.at(key).waiters.push_back(std::move(who));
  add(decides_.start(key, false, node_.now()));
  return std::nullopt;
}

std::optional<child_answer> supervisor::add_and_start(start_function start, waiter who) {
  if (now_ != state::starting && now_ != state::running)
    return no(kind::ended, "it isn't running");
  if (options_.supervision.strategy != strategy::dynamic)
    return no(kind::refused, "only a dynamic supervisor starts children without a spec");
  auto spec = options_.children.front();
  if (start)
    spec.start = std::move(start);
  if (!spec.start)
    return no(kind::refused, "child '" + spec.id + "': start is missing");
  const auto key = add_child(std::move(spec));
  members_.at(key).waiters.push_back(std::move(who));
  add(decides_.start(key, false, node_.now()));
  return std::nullopt;
}

template <class What>
std::future<child_answer> supervisor::start_and_promise(What what) {
  const std::lock_guard lock{lock_};
  waiter who{true, {}};
  auto later = who.answer.get_future();
  auto now = add_and_start(std::move(what), std::move(who));
  return now ? ready(std::move(*now)) : std::move(later);
}

template <class What>
void supervisor::start_and_tell(What what, std::function<void(child_answer)> on_answer) {
  std::unique_lock lock{lock_};
  auto now = add_and_start(std::move(what), {true, {}, on_answer});
  lock.unlock();
  if (now)
    on_answer(std::move(*now));
}

std::future<child_answer> supervisor::start_child(child_spec spec) {
  return start_and_promise(std::move(spec));
}

std::future<child_answer> supervisor::start_child(start_function start) {
  return start_and_promise(std::move(start));
}

void supervisor::start_child(child_spec spec, std::function<void(child_answer)> on_answer) {
  start_and_tell(std::move(spec), std::move(on_answer));
}

void supervisor::start_child(start_function start, std::function<void(child_answer)> on_answer) {
  start_and_tell(std::move(start), std::move(on_answer));
}

/// In its future, or in the next turn.
void supervisor::answer(waiter& who, child_answer what) {
  if (!who.on_answer) {
    who.answer.set_value(std::move(what));
    return;
  }
  outbox_.answer(std::move(who.on_answer), std::move(what));
  wake();
}

std::future<child_answer> supervisor::terminate(internal::child_key key) {
  auto& waiters = members_.at(key).waiters;
  waiters.push_back({false, {}});
  auto answer = waiters.back().answer.get_future();
  add(decides_.terminate(key, node_.now()));
  settle(key);
  return answer;
}

std::future<child_answer> supervisor::terminate_child(std::string_view id) {
  const std::lock_guard lock{lock_};
  if (options_.supervision.strategy == strategy::dynamic)
    return ready(no(kind::refused, "the children of a dynamic supervisor have no ids"));
  if (now_ == state::idle || now_ == state::ended)
    return ready(no(kind::ended, "it isn't running"));
  const auto key = find(id);
  return key ? terminate(*key) : ready(not_found(id));
}

std::future<child_answer> supervisor::terminate_child(child_ref which) {
  const std::lock_guard lock{lock_};
  if (options_.supervision.strategy != strategy::dynamic)
    return ready(no(kind::refused, "only a dynamic supervisor terminates by reference"));
  if (now_ == state::idle || now_ == state::ended)
    return ready(no(kind::ended, "it isn't running"));
  if (const auto key = find(which))
    return terminate(*key);
  if (which.owner_ == identity_ && which.key_ < next_key_)
    return ready({kind::done, which, {}}); // it is gone
  return ready(no(kind::not_found, "it isn't a child of this supervisor"));
}

std::future<child_answer> supervisor::restart_child(std::string_view id) {
  const std::lock_guard lock{lock_};
  if (options_.supervision.strategy == strategy::dynamic)
    return ready(no(kind::refused, "the children of a dynamic supervisor have no ids"));
  if (now_ != state::starting && now_ != state::running)
    return ready(no(kind::ended, "it isn't running"));
  const auto key = find(id);
  if (!key)
    return ready(not_found(id));
  if (decides_.now_is(*key) != child_now::down) {
    auto answer = *is_there(id);
    answer.what = answer.what == kind::already_present ? kind::restarting : kind::running;
    return ready(std::move(answer));
  }
  auto answer = when_started(*key);
  add(decides_.start(*key, true, node_.now()));
  return answer;
}

child_answer supervisor::delete_child(std::string_view id) {
  const std::lock_guard lock{lock_};
  if (options_.supervision.strategy == strategy::dynamic)
    return no(kind::refused, "the children of a dynamic supervisor have no ids");
  if (now_ != state::starting && now_ != state::running)
    return no(kind::ended, "it isn't running");
  const auto key = find(id);
  if (!key)
    return not_found(id);
  if (decides_.now_is(*key) != child_now::down) {
    auto answer = *is_there(id);
    answer.what = answer.what == kind::already_present ? kind::restarting : kind::running;
    return answer;
  }
  decides_.remove(*key);
  settle(*key);
  return {};
}

child_answer supervisor::change_child(child_spec spec) {
  const std::lock_guard lock{lock_};
  if (options_.supervision.strategy == strategy::dynamic)
    return no(kind::refused, "the one spec of a dynamic supervisor is for good");
  if (now_ != state::starting && now_ != state::running)
    return no(kind::ended, "it isn't running");
  if (auto found = weir::problems(spec, options_.auto_shutdown); !found.empty())
    return refusal(std::move(found));
  const auto key = find(spec.id);
  if (!key)
    return not_found(spec.id);
  decides_.change(*key, std::move(spec));
  return {kind::done, {identity_, *key}, {}};
}

} // namespace weir
