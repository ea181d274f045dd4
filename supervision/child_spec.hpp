#pragma once

#include <weir/supervision/child_link.hpp>
#include <weir/supervision/failure.hpp>
#include <weir/supervision/restart.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What a supervisor has to know of a child: how it is started, and what happens when it ends.
namespace weir {

enum class child_type { worker, supervisor };

/// How long a child may take to stop once it was told to.
struct shutdown {
  enum class kind {
    within,     ///< so long, then it is killed
    infinite,   ///< as long as it likes
    brutal_kill ///< it isn't told, it is killed
  };
  kind how = kind::within;
  std::chrono::milliseconds time{5000}; ///< of within

  template <class Number, class Period>
  constexpr shutdown(std::chrono::duration<Number, Period> within)
      : time{std::chrono::ceil<std::chrono::milliseconds>(within)} {}
  static constexpr shutdown infinite() { return shutdown{kind::infinite}; }
  static constexpr shutdown brutal_kill() { return shutdown{kind::brutal_kill}; }

  /// OTP's: 5 s for a worker, and a supervisor may take what its own children need.
  static constexpr shutdown usual(child_type type) {
    return type == child_type::supervisor ? infinite() : shutdown{std::chrono::milliseconds{5000}};
  }

  bool operator==(const shutdown&) const = default;

private:
  constexpr explicit shutdown(kind which) : how{which}, time{0} {}
};

/// A running child, in the hands of its supervisor.
///
/// Owner: what `stop` and `kill` hold on to lives until the child has exited. Both are called from turns of the
/// supervisor, return soon, and are answered on the child's link.
struct child {
  std::function<void()> stop;
  /// The last resort. Empty: there is none, and a child that doesn't stop in time is abandoned: it goes on, its
  /// supervisor does without it.
  std::function<void()> kill{};
  /// False: it has only begun to start, and says on its link when it is there.
  bool started = true;
};

/// A start that says: this child isn't needed.
struct ignored {};

using start_answer = std::variant<child, ignored, failure>;

/// Starts one instance of a child. Called in turns of the supervisor and returns soon; what it throws is a
/// failure.
using start_function = std::function<start_answer(child_link)>;

struct child_spec {
  std::string id{};
  start_function start{};
  weir::restart restart = restart::permanent;
  /// Does its end mean something to auto_shutdown? Not of permanent children, which never end for good.
  bool significant = false;
  std::optional<weir::shutdown> shutdown{}; ///< none: shutdown::usual
  child_type type = child_type::worker;
  /// Of one that takes as long as what is below it (see supervisor::as_child), unless it has a `shutdown`: how
  /// long that is, nothing if nobody can say. Asked when it is to be stopped; must neither block nor ask back.
  std::function<std::optional<std::chrono::milliseconds>()> stop_time{};
};

/// What is wrong with it, a sentence each.
std::vector<std::string> problems(const child_spec& spec, auto_shutdown use_of_significance);
std::vector<std::string> problems(const supervision_options& options);

} // namespace weir
