#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace weir {

/// Where an actor takes its turns.
enum class execution {
  shared,    ///< takes turns with others on the scheduler's threads: must not block
  own_thread ///< a thread of its own: may block
};

struct runtime_options {
  std::uint32_t threads = 0; ///< of the scheduler; 0: as many as the machine has cores
  /// CAF's scheduling policy, "sharing" or "stealing"; see docs/adr for why it is this one.
  std::string policy = "stealing";
  /// Items a worker may take in one turn before others have theirs.
  std::uint32_t turn_items = 4096;
  /// How many of the items that a worker would take in one slice it takes: a simulation's choice. Empty: all.
  std::function<std::size_t(std::size_t)> slice_items = {};
  /// Dead letters of one pipeline that may wait for its store: beyond it, the stages that have one wait.
  std::uint32_t letters_waiting_max = 256;
};

} // namespace weir
