#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace weir::http {

/// The longest wait that is believed: a longer one is taken for this.
inline constexpr std::chrono::hours retry_after_max{24};

/// The value of a header Retry-After: seconds, or a date as in "Sun, 06 Nov 1994 08:49:37 GMT", which may have
/// passed already (0). Nothing if it is neither.
std::optional<std::chrono::milliseconds> retry_after(std::string_view value,
                                                     std::chrono::system_clock::time_point now);

} // namespace weir::http
