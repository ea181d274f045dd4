#pragma once

#include <weir/supervision/child_link.hpp>
#include <weir/supervision/failure.hpp>

#include <functional>
#include <variant>

namespace weir {

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

/// What a start function says.
using start_answer = std::variant<child, ignored, failure>;

/// Starts one instance of a child. Called in turns of the supervisor and returns soon; what it throws is a
/// failure.
using start_function = std::function<start_answer(child_link)>;

} // namespace weir
