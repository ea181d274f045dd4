#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

/// The values of options as text, the same in a flag, in an environment variable and in help.
///
/// `read_text` takes the whole text or answers false; the value is unspecified then.
/// `write_text` gives what `read_text` takes, in the shortest form.
namespace weir::internal {

bool read_text(std::string_view text, std::string& value);
/// true, 1, false or 0
bool read_text(std::string_view text, bool& value);
bool read_text(std::string_view text, std::uint32_t& value);
bool read_text(std::string_view text, std::uint64_t& value);
bool read_text(std::string_view text, std::int64_t& value);
/// Finite numbers only.
bool read_text(std::string_view text, double& value);
/// A whole number and its unit, ms, s, m or h: "250ms". Never negative.
bool read_text(std::string_view text, std::chrono::milliseconds& value);

std::string write_text(const std::string& value);
std::string write_text(bool value);
std::string write_text(std::uint32_t value);
std::string write_text(std::uint64_t value);
std::string write_text(std::int64_t value);
std::string write_text(double value);
std::string write_text(std::chrono::milliseconds value);

} // namespace weir::internal
