#pragma once

#include <cstdint>
#include <string_view>

namespace enrichment_api {

/// A hash that is the same in every run and on every machine, unlike `std::hash`: FNV-1a with the finaliser
/// of splitmix64, so that all bits depend on all of the text.
constexpr std::uint64_t stable_hash(std::string_view text, std::uint64_t seed = 0) {
  std::uint64_t hash = 0xcbf29ce484222325U ^ (seed * 0x9e3779b97f4a7c15U);
  for (const char letter : text) {
    hash ^= static_cast<unsigned char>(letter);
    hash *= 0x100000001b3U;
  }
  hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9U;
  hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebU;
  return hash ^ (hash >> 31U);
}

/// The hash as a number from 0 up to, not including, 1.
constexpr double to_fraction(std::uint64_t hash) {
  return static_cast<double>(hash >> 11U) * 0x1.0p-53;
}

} // namespace enrichment_api
