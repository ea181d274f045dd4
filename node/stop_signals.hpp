#pragma once

#include <weir/node/descriptor.hpp>

#include <optional>
#include <string>

namespace weir::internal {

/// One SIGINT or SIGTERM.
struct stop_signal {
  std::string name;
  bool first; ///< nobody told it before
  bool again; ///< the same teller has told it before: a parent that passes it on, or anybody else
};

/// SIGINT and SIGTERM as something to read instead of something that interrupts.
///
/// Owner: the node's thread. It is made before other threads, which so have the signals blocked too. They stay blocked
/// until the process exits, so that a late one can't change the exit code.
/// Failure: a system_error if the signals can't be taken over.
class stop_signals {
public:
  stop_signals();

  /// Readable while there is a signal to take: for poll.
  int readable() const noexcept { return from_.get(); }
  /// The next signal; nothing if there is none now.
  std::optional<stop_signal> take();

private:
  const descriptor from_;
  bool told_by_parent_ = false;
  bool told_by_others_ = false;
};

} // namespace weir::internal
