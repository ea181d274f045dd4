#pragma once

#include <weir/actors/runtime_virtual.hpp>
#include <weir/actors/supervisor.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace weir {

inline std::ostream& operator<<(std::ostream& out, child_answer::kind kind) {
  return out << to_string(kind);
}
inline std::ostream& operator<<(std::ostream& out, const child_count& count) {
  return out << '[' << count.specs << ',' << count.active << ',' << count.supervisors << ','
             << count.workers << "] abandoned " << count.abandoned;
}

} // namespace weir

/// Children that do what a test says, on a node in virtual time. What happens to them is written down: "+a" is
/// started, "-a" told to stop, "!a" killed, "~a" has ended by itself.
class nursery {
public:
  using start = std::function<weir::start_answer(weir::child_link)>;

  explicit nursery(weir::virtual_choices choices = {}) : node{{}, std::move(choices)} {}

  weir::virtual_runtime node;

  /// A child that stops when it is told to, whatever else `spec` says.
  weir::child_spec child(weir::child_spec spec) {
    spec.start = [this, id = spec.id](weir::child_link link) { return begin(id, std::move(link)); };
    return spec;
  }
  weir::child_spec child(std::string id) { return child(weir::child_spec{.id = std::move(id)}); }
  std::vector<weir::child_spec> children(const std::string& ids) {
    std::vector<weir::child_spec> all;
    for (const char id : ids)
      all.push_back(child(std::string{id}));
    return all;
  }
  /// Children of a dynamic supervisor: they have one id, but names of their own.
  weir::start_function called(std::string name) {
    return [this, name = std::move(name)](weir::child_link link) {
      return begin(name, std::move(link));
    };
  }

  // --- how children behave ---------------------------------------------------------------------------
  /// From now on its starts answer so, one after the other.
  void next_starts(const std::string& id, std::vector<start> answers) {
    next_[id].assign(answers.begin(), answers.end());
  }
  static start fails(std::string why = "no luck") {
    return [why](const weir::child_link&) { return weir::fatal(why); };
  }
  static start ignores() {
    return [](const weir::child_link&) { return weir::ignored{}; };
  }
  /// It is told to stop and does not. It can be killed if it is in `killable`.
  void is_deaf(const std::string& id, bool deaf = true) { deaf_[id] = deaf; }
  void is_killable(const std::string& id) { killable_[id] = true; }
  /// Its starts take until `has_started`.
  void is_slow(const std::string& id, bool slow = true) { slow_[id] = slow; }

  /// Nobody has any more surprises in store; who is deaf is so no longer.
  void all_behave() {
    next_.clear();
    deaf_.clear();
    slow_.clear();
    for (const auto& one : std::map{living_}) {
      has_started(one.first);
      if (told_to_stop_.contains(one.first))
        obeys(one.first);
    }
  }

  void has_started(const std::string& id) {
    told(id, [](auto& link) { link.started(); });
  }
  void says_ignore(const std::string& id) {
    dies(id);
    told(id, [](auto& link) { link.ignored(); });
  }
  void ends(const std::string& id, weir::exit_reason reason = weir::exit_reason::normal) {
    history_ += "~" + id + " ";
    dies(id);
    told(id, [&](auto& link) { link.exited(reason); });
  }
  void crashes(const std::string& id, const std::string& why = "it broke") {
    history_ += "~" + id + " ";
    dies(id);
    told(id, [&](auto& link) { link.exited(weir::fatal(why)); });
  }
  /// A deaf one comes to it after all.
  void obeys(const std::string& id) {
    dies(id);
    told(id, [](auto& link) { link.exited(weir::exit_reason::shutdown); });
  }
  weir::child_link link_of(const std::string& id) { return links_.at(id); }

  // --- what happened ---------------------------------------------------------------------------------
  /// Since the last call, after everything has happened that can happen now.
  std::string history() {
    node.run_until_idle();
    auto all = std::exchange(history_, {});
    if (!all.empty())
      all.pop_back();
    return all;
  }
  std::string after(weir::clock::duration time) {
    node.advance(time);
    return history();
  }
  std::size_t living() const { return living_.size(); }
  /// Those that were told to stop and are still there.
  std::size_t stopping() const { return told_to_stop_.size(); }
  /// Called before each start.
  std::function<void(const std::string& id)> before_start = [](const std::string&) {};
  bool lives(const std::string& id) const { return living_.contains(id); }
  std::size_t starts(const std::string& id) const {
    const auto found = starts_.find(id);
    return found == starts_.end() ? 0 : found->second;
  }

  /// What the future says once everything has happened that can happen now.
  template <class T>
  std::optional<T> outcome(std::future<T>& answer) {
    node.run_until_idle();
    if (answer.wait_for(std::chrono::seconds{0}) != std::future_status::ready)
      return std::nullopt;
    return answer.get();
  }
  weir::child_answer now(std::future<weir::child_answer> answer) {
    auto what = outcome(answer);
    if (!what)
      ADD_FAILURE() << "there is no answer";
    return std::move(what).value_or(weir::child_answer{weir::child_answer::kind::failed, {}, {}});
  }
  /// Starts it, which must work.
  void starts(weir::supervisor& tree) {
    auto answer = tree.start();
    const auto how = outcome(answer);
    ASSERT_TRUE(how) << "it is still starting";
    ASSERT_TRUE(*how) << how->error().message();
    history_.clear();
  }

private:
  weir::start_answer begin(const std::string& id, weir::child_link link) {
    before_start(id);
    history_ += "+" + id + " ";
    ++starts_[id];
    if (auto& next = next_[id]; !next.empty()) {
      const auto how = std::move(next.front());
      next.pop_front();
      return how(std::move(link));
    }
    if (!living_.emplace(id, true).second)
      ADD_FAILURE() << "an old instance of " << id << " is still alive";
    links_.insert_or_assign(id, link);
    weir::child born;
    born.stop = [this, id, link] {
      history_ += "-" + id + " ";
      told_to_stop_[id] = true;
      if (deaf_[id])
        return;
      dies(id);
      link.exited(weir::exit_reason::shutdown);
    };
    if (killable_[id])
      born.kill = [this, id, link] {
        history_ += "!" + id + " ";
        dies(id);
        link.exited(weir::fatal("killed"));
      };
    born.started = !slow_[id];
    return born;
  }

  template <class Tell>
  void told(const std::string& id, Tell tell) {
    auto link = links_.at(id);
    tell(link);
  }

  void dies(const std::string& id) {
    living_.erase(id);
    told_to_stop_.erase(id);
  }

  std::string history_;
  std::map<std::string, std::deque<start>> next_;
  std::map<std::string, bool> deaf_, killable_, slow_, living_, told_to_stop_;
  std::map<std::string, weir::child_link> links_;
  std::map<std::string, std::size_t> starts_;
};

/// Restarts that come at once, as OTP's do.
inline weir::supervision_options at_once(weir::strategy how, std::uint32_t intensity = 5,
                                         std::chrono::milliseconds period = std::chrono::seconds{
                                             30}) {
  return {.strategy = how,
          .intensity = intensity,
          .period = period,
          .delays = {.delay_min = std::chrono::milliseconds{0}}};
}
