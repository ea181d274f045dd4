#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

/// Times as people and files write them: "2024-01-31T12:00:00.000Z" (ISO 8601, UTC, milliseconds).
namespace weir {

/// What is less than a millisecond is cut off.
std::string utc_text(std::chrono::system_clock::time_point when);

/// Reads what utc_text wrote; the time of day, its seconds, their fraction and the Z may be missing. Nothing if
/// it is no such time.
std::optional<std::chrono::system_clock::time_point> read_utc(std::string_view text);

} // namespace weir
