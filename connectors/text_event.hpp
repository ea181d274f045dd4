#pragma once

#include <cstdint>
#include <string>

namespace weir {

/// One event as it came in, not looked into: what every connector that reads text yields, so that their flows
/// can be merged in front of one parse stage.
struct text_event {
  std::string text;         ///< without its line end; of an oversized one, how it begins
  std::uint64_t number = 0; ///< from 1: the line of a file, the how-manieth event of a server
  std::uint64_t length = 0; ///< bytes it really has
  bool truncated_end =
      false; ///< the last line of a file, without a line end: perhaps the rest is missing
  bool oversized = false; ///< longer than the limit: `text` is only how it begins

  bool operator==(const text_event&) const = default;
};

inline std::string weir_payload(const text_event& event) { return event.text; }

} // namespace weir
