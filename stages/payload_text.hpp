#pragma once

#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The text in payloads that does not depend on an item's type: numbers, lists, and what stands in for a payload.
namespace weir::internal::payloads {

// Numbers as the shortest text that reads back as the same number.
std::string number_text(double value);
std::string number_text(float value);
std::string number_text(long double value);
// The whole text is the number, or poison.
result<std::int64_t> read_signed(std::string_view text, std::int64_t min, std::int64_t max);
result<std::uint64_t> read_unsigned(std::string_view text, std::uint64_t max);
result<long double> read_real(std::string_view text);
result<float> read_float(std::string_view text);
result<double> read_double(std::string_view text);

/// What is kept in place of a payload that could not be made. Must be called in a catch clause.
std::string no_payload() noexcept;
/// Null if it is no such text.
std::optional<failure> why_no_payload(std::string_view text);

/// One item a line; where that would not be clear, each with its length before it.
std::string join(const std::vector<std::string>& items);
result<std::vector<std::string>> split(std::string_view text);

} // namespace weir::internal::payloads
