#pragma once

#include <weir/supervision/failure.hpp>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

namespace weir {

/// An item that could not go on, with all that is needed to understand it and to run it again.
struct dead_letter {
  std::string pipeline;
  std::string stage;          ///< the stage that failed it
  std::string source;         ///< the lane it was read from
  std::uint64_t position = 0; ///< where in that lane: a line number, an offset
  std::uint32_t part = 0; ///< which one, where one position yielded several dead letters of a stage
  std::string payload;    ///< the item as bytes
  std::string payload_type;   ///< the C++ type the payload was made from
  std::uint32_t attempts = 0; ///< runs, the last included
  std::chrono::system_clock::time_point first_failed_at;
  std::chrono::system_clock::time_point last_failed_at;
  failure why; ///< its kind, and the chain of causes
};

/// Where dead letters are kept. Called by one thread at a time; `put` may block.
class dead_letter_store {
public:
  virtual ~dead_letter_store() = default;

  /// Called once before the first `put`. A failure keeps the pipeline from starting.
  virtual result<void> open() { return {}; }

  /// Keeps all of them durably, or none and says why: then the same letters are offered again later, and the
  /// stages they come from wait. A letter that was kept before (same pipeline, stage, source, position, part)
  /// replaces the older one: after a crash the same item may fail again.
  virtual result<void> put(std::span<const dead_letter> letters) = 0;
};

} // namespace weir
