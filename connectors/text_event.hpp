#pragma once

#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace weir {

/// One event as it came in, not looked into: what every connector that reads text yields, so that their flows
/// can be merged in front of one parse stage.
struct text_event {
  std::string text;         ///< without its line end
  std::uint64_t number = 0; ///< from 1: of the line in its file, or in the order of arrival
  std::uint64_t length = 0; ///< bytes it really has
  /// The last line of a file, without a line end: perhaps the rest is missing.
  bool truncated_end = false;
  /// Longer than the limit: `text` is only how it begins.
  bool oversized = false;

  bool operator==(const text_event&) const = default;
};

inline std::string weir_payload(const text_event& event) { return event.text; }

/// Only the text is kept: what is read back has no number, and was neither cut off nor too long.
inline result<text_event> weir_from_payload(std::type_identity<text_event>, std::string_view text) {
  text_event event;
  event.text = text;
  event.length = text.size();
  return event;
}

} // namespace weir
