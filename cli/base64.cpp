#include <weir/cli/base64.hpp>

#include <cstddef>
#include <cstdint>

namespace weir::internal {

namespace {

constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

} // namespace

std::string base64(std::string_view bytes) {
  std::string text;
  for (std::size_t k = 0; k < bytes.size(); k += 3) {
    const auto three = bytes.substr(k, 3);
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 3; ++i)
      value = value << 8U | (i < three.size() ? static_cast<unsigned char>(three[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      text += i <= three.size() ? base64_digits[value >> (18 - 6 * i) & 63U] : '=';
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string bytes;
  std::uint32_t value = 0;
  unsigned bits = 0;
  for (const char one : text.substr(0, text.find('='))) {
    const auto digit = base64_digits.find(one);
    if (digit == base64_digits.npos)
      return std::nullopt;
    value = (value << 6U | static_cast<std::uint32_t>(digit)) & 0xFFFFU;
    if (bits += 6; bits >= 8)
      bytes += static_cast<char>(value >> (bits -= 8) & 0xFFU);
  }
  return bytes;
}

} // namespace weir::internal
