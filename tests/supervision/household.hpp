#pragma once

#include <weir/supervision/blame.hpp>
#include <weir/supervision/supervisor_state.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace weir {

// How gtest names them.
inline std::ostream& operator<<(std::ostream& out, restart type) {
  return out << (type == restart::permanent   ? "permanent"
                 : type == restart::transient ? "transient"
                                              : "temporary");
}
inline std::ostream& operator<<(std::ostream& out, exit_reason reason) {
  return out << (reason == exit_reason::normal     ? "normal"
                 : reason == exit_reason::shutdown ? "shutdown"
                                                   : "failed");
}
inline std::ostream& operator<<(std::ostream& out, strategy how) {
  return out << (how == strategy::one_for_one   ? "one_for_one"
                 : how == strategy::one_for_all ? "one_for_all"
                 : how == strategy::dynamic     ? "dynamic"
                                                : "rest_for_one");
}

} // namespace weir

/// A supervisor with the children a, b, c … and a clock of its own. What it wants done comes as text: "stop c,
/// stop b", "start a", "escalate b"; nothing is "".
class household {
public:
  household(weir::supervision_options options, std::vector<weir::restart> children)
      : decides_{options, named(std::move(children))} {}

  std::string exits(char child, weir::exit_reason reason, std::uint32_t charge = 1) {
    return text(decides_.exited(index(child), reason, charge,
                                weir::fatal("it broke").within(std::string{"stage "} + child), now_,
                                0.5));
  }
  std::string fails(char child, std::uint32_t charge = 1) {
    return exits(child, weir::exit_reason::failed, charge);
  }
  /// It fails with that item in hand, and is charged as `whose` finds.
  // Not inlined: gcc 12 then takes an empty optional for an uninitialised one (-Wmaybe-uninitialized).
  [[gnu::noinline]] std::string fails(char child, weir::internal::blame& whose,
                                      std::uint64_t item) {
    return fails(child, whose.failed(item));
  }
  std::string stopped(char child) { return text(decides_.stopped(index(child), now_)); }
  void ended(char child) { decides_.ended(index(child)); }
  void recovered(char child) { decides_.recovered(index(child)); }

  std::string due() { return text(decides_.due(now_)); }
  std::string after(std::chrono::nanoseconds time) {
    now_ += time;
    return due();
  }
  /// How long until it wants to be asked; -1 ms if it doesn't.
  std::chrono::nanoseconds next_due() const {
    const auto next = decides_.next_due();
    return next ? *next - now_ : std::chrono::milliseconds{-1};
  }
  /// Lets the time pass for which it waits.
  std::string when_due() {
    const auto next = decides_.next_due();
    return next ? after(std::max(std::chrono::nanoseconds{0}, *next - now_)) : "not waiting";
  }

  weir::internal::supervisor_state& operator*() { return decides_; }
  weir::internal::supervisor_state* operator->() { return &decides_; }
  weir::time_point now() const { return now_; }

  static std::size_t index(char child) { return static_cast<std::size_t>(child - 'a'); }
  static std::string text(const std::vector<weir::internal::supervisor_step>& steps) {
    std::string all;
    for (const auto& step : steps) {
      using kind = weir::internal::supervisor_step::kind;
      all += all.empty() ? "" : ", ";
      all += step.what == kind::start ? "start " : step.what == kind::stop ? "stop " : "escalate ";
      all += static_cast<char>('a' + step.child);
    }
    return all;
  }

private:
  static std::vector<weir::child_spec> named(std::vector<weir::restart> children) {
    std::vector<weir::child_spec> specs;
    for (auto restart : children)
      specs.push_back({.id = {static_cast<char>('a' + specs.size())}, .restart = restart});
    return specs;
  }

  weir::internal::supervisor_state decides_;
  weir::time_point now_{std::chrono::hours{1000}};
};
