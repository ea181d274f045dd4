#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace weir::http {

/// The longest wait that is believed: a longer one is taken for this.
inline constexpr std::chrono::hours retry_after_max{24};

/// The value of a header Retry-After: seconds, or a date in one of the three forms of RFC 9110, section 5.6.7, which may
/// have passed already (0). Nothing if it is neither.
std::optional<std::chrono::milliseconds> retry_after(std::string_view value,
                                                     std::chrono::system_clock::time_point now);

} // namespace weir::http
