#pragma once

#include <weir/actors/batch.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>

/// How an item is kept in a dead letter: as text. Strings and numbers are known; a type of yours says it with a
/// function `std::string weir_payload(const T&)` beside it.
namespace weir {

template <class T>
concept has_weir_payload = requires(const T& item) {
  { weir_payload(item) } -> std::convertible_to<std::string>;
};

template <class T>
struct payload_known
    : std::bool_constant<
          has_weir_payload<
              T> || std::is_arithmetic_v<T> || std::is_enum_v<T> || std::convertible_to<const T&, std::string_view>> {
};
template <class T>
struct payload_known<batch<T>> : payload_known<T> {};
template <class T>
struct payload_known<std::optional<T>> : payload_known<T> {};

template <class T>
std::string payload_of(const T& item);

namespace payloads {

template <class T>
struct text {
  static std::string of(const T& item) {
    if constexpr (has_weir_payload<T>)
      return weir_payload(item);
    else if constexpr (std::convertible_to<const T&, std::string_view>)
      return std::string{std::string_view{item}};
    else if constexpr (std::is_enum_v<T>)
      return std::to_string(static_cast<std::underlying_type_t<T>>(item));
    else
      return std::to_string(item);
  }
};
template <class T>
struct text<batch<T>> {
  static std::string of(const batch<T>& item) {
    std::string lines;
    for (const auto& one : item.items)
      lines += payload_of(one) + "\n";
    return lines;
  }
};
template <class T>
struct text<std::optional<T>> {
  static std::string of(const std::optional<T>& item) { return item ? payload_of(*item) : ""; }
};

} // namespace payloads

template <class T>
std::string payload_of(const T& item) {
  static_assert(payload_known<T>::value,
                "weir: an item of this type can't be kept as a dead letter: write "
                "`std::string weir_payload(const T&)` in its namespace");
  return payloads::text<T>::of(item);
}

/// The readable name of a type.
std::string type_name(const std::type_info& type);

} // namespace weir
