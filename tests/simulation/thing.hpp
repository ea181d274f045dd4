#pragma once

#include <weir/actors/clock.hpp>
#include <weir/supervision/failure.hpp>

#include <charconv>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace simulation {

/// When an item was last moved: taken out of a mailbox into a batch, or into a run of its own. Copies keep it.
struct move_time {
  weir::clock::time_point at{};
  move_time() = default;
  move_time(const move_time&) = default;
  move_time& operator=(const move_time&) = default;
  move_time(move_time&&) noexcept : at{weir::clock::now()} {}
  move_time& operator=(move_time&&) noexcept {
    at = weir::clock::now();
    return *this;
  }
  ~move_time() = default;
  std::strong_ordering operator<=>(const move_time&) const { return std::strong_ordering::equal; }
  bool operator==(const move_time&) const { return true; }
};

/// What flows through a simulated pipeline: which item it was, and what has become of it.
struct thing {
  std::uint32_t id = 0; ///< the item's number in its source, from 1; the source in the upper byte
  std::uint64_t path =
      0; ///< a hash of the stages and branches it went through, so that copies differ
  std::uint32_t branch = 0; ///< of the branches alone: the order is kept within one
  move_time taken{};
  auto operator<=>(const thing&) const = default;
};

/// What a stage says at the end is of none.
inline constexpr std::uint32_t no_source = 0xFE;
inline bool is_of_a_source(const thing& one) { return one.id >> 24U != no_source; }

inline std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  auto z = a * 0x9E3779B97F4A7C15U + b + 0x632BE59BD9B4E019U;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  return z ^ (z >> 27U);
}

inline std::string weir_payload(const thing& one) {
  return std::to_string(one.id) + ":" + std::to_string(one.path) + ":" + std::to_string(one.branch);
}

inline weir::result<thing> weir_from_payload(std::type_identity<thing>, std::string_view text) {
  thing read;
  const auto* at = text.data();
  const auto* const end = text.data() + text.size();
  const auto number = [&](auto& value) {
    const auto [next, wrong] = std::from_chars(at, end, value);
    at = next;
    return wrong == std::errc{};
  };
  const auto colon = [&] { return at != end && *at++ == ':'; };
  if (number(read.id) && colon() && number(read.path) && colon() && number(read.branch)
      && at == end)
    return read;
  return weir::poison("'" + std::string{text} + "' is no thing");
}

} // namespace simulation
