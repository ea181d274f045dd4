#pragma once

#include <weir/stages/batch.hpp>
#include <weir/stages/payload_text.hpp>
#include <weir/stages/type_name.hpp>
#include <weir/supervision/failure.hpp>

#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// How an item is kept in a dead letter, as text, and how it is read back to be run again. Strings, numbers, enums,
/// and optionals and batches of what is known are known; a type of yours says it with two functions beside it:
///
///     std::string weir_payload(const reading& one);
///     weir::result<reading> weir_from_payload(std::type_identity<reading>, std::string_view text);
///
/// The second is for replay and repro only; it answers weir::poison where the text is no such item. If the first
/// throws, the letter is kept without the item: its payload says what was thrown, and is never read back as one.
namespace weir::internal {

template <class T>
concept has_weir_payload = requires(const T& item) {
  { weir_payload(item) } -> std::convertible_to<std::string>;
};

template <class T>
concept has_weir_from_payload = requires(std::type_identity<T> type, std::string_view text) {
  { weir_from_payload(type, text) } -> std::same_as<result<T>>;
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

/// What is kept by a weir_payload is read only by a weir_from_payload, never by guessing.
template <class T>
struct payload_read_back
    : std::bool_constant<
          has_weir_from_payload<
              T> || (!has_weir_payload<T> && (std::is_arithmetic_v<T> || std::is_enum_v<T> || std::same_as<T, std::string>))> {
};
template <class T>
struct payload_read_back<batch<T>> : payload_read_back<T> {};
template <class T>
struct payload_read_back<std::optional<T>> : payload_read_back<T> {};

/// Can an item be read back from its payload?
template <class T>
concept payload_readable = payload_read_back<T>::value;

} // namespace weir::internal

namespace weir {

template <class T>
std::string payload_of(const T& item);

} // namespace weir

namespace weir::internal {

/// The payload of a letter, which must be kept whatever its item is: where a payload can't be made, a text in its
/// place says why.
template <class T>
std::string kept_payload_of(const T& item) noexcept;

} // namespace weir::internal

namespace weir {

/// The item that a payload was made from; poison if it is no payload of a T.
template <internal::payload_readable T>
result<T> from_payload(std::string_view text);

} // namespace weir

namespace weir::internal {

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
    else if constexpr (std::is_floating_point_v<T>)
      return number_text(item);
    else
      return std::to_string(item);
  }

  static result<T> read(std::string_view from) {
    if constexpr (has_weir_from_payload<T>) {
      if (auto why = why_no_payload(from))
        return std::move(*why);
      return weir_from_payload(std::type_identity<T>{}, from);
    } else if constexpr (std::same_as<T, std::string>) {
      return std::string{from};
    } else if constexpr (std::is_enum_v<T>) {
      return converted(text<std::underlying_type_t<T>>::read(from));
    } else if constexpr (std::same_as<T, float>) {
      return read_float(from);
    } else if constexpr (std::same_as<T, double>) {
      return read_double(from);
    } else if constexpr (std::is_floating_point_v<T>) {
      return read_real(from);
    } else if constexpr (std::is_signed_v<T>) {
      return converted(
          read_signed(from, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
    } else {
      return converted(read_unsigned(from, std::numeric_limits<T>::max()));
    }
  }

private:
  template <class Wide>
  static result<T> converted(result<Wide> read) {
    if (!read)
      return std::move(read.error());
    return static_cast<T>(*read);
  }
};
template <class T>
struct text<batch<T>> {
  static std::string of(const batch<T>& item) { return of(item, &payload_of<T>); }
  static std::string of(const batch<T>& item, std::string (*each)(const T&)) {
    std::vector<std::string> items;
    for (const auto& one : item.items)
      items.push_back(each(one));
    return join(items);
  }
  static result<batch<T>> read(std::string_view from) {
    auto items = split(from);
    if (!items)
      return std::move(items.error());
    batch<T> all;
    for (const auto& one : *items) {
      auto item = from_payload<T>(one);
      if (!item)
        return std::move(item.error())
            .within("item " + std::to_string(all.items.size() + 1) + " of the batch");
      all.items.push_back(std::move(*item));
    }
    return all;
  }
};
/// Nothing is the empty text, so an optional empty string reads back as nothing.
template <class T>
struct text<std::optional<T>> {
  static std::string of(const std::optional<T>& item) { return item ? payload_of(*item) : ""; }
  static result<std::optional<T>> read(std::string_view from) {
    if (from.empty())
      return std::optional<T>{};
    auto item = from_payload<T>(from);
    if (!item)
      return std::move(item.error());
    return std::optional<T>{std::move(*item)};
  }
};

} // namespace payloads

} // namespace weir::internal

namespace weir {

template <class T>
std::string payload_of(const T& item) {
  static_assert(internal::payload_known<T>::value,
                "weir: an item of this type can't be kept as a dead letter: write "
                "`std::string weir_payload(const T&)` in its namespace");
  return internal::payloads::text<T>::of(item);
}

} // namespace weir

namespace weir::internal {

template <class T>
std::string kept_payload_of(const T& item) noexcept {
  try {
    if constexpr (is_batch<T>)
      return payloads::text<T>::of(item, &kept_payload_of<typename T::value_type>);
    else
      return payload_of(item);
  } catch (...) {
    return payloads::no_payload();
  }
}

} // namespace weir::internal

namespace weir {

template <internal::payload_readable T>
result<T> from_payload(std::string_view text) {
  return internal::payloads::text<T>::read(text);
}

} // namespace weir
