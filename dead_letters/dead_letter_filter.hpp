#pragma once

#include <weir/dead_letters/dead_letter.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir {

/// Which dead letters: those that fulfil everything that is set.
struct dead_letter_filter {
  std::vector<std::uint64_t> ids{}; ///< one of these; empty: any
  std::string pipeline{};           ///< empty: any; so too stage, source and cause
  std::string stage{};
  std::string source{};
  std::string cause{}; ///< occurs in the chain of causes, as failure::message() prints it
  std::optional<failure_kind> kind{};
  std::optional<std::string> key{};
  std::optional<dead_letter_state> state{};
  std::optional<std::chrono::system_clock::time_point> since{}; ///< last failed then or later
  std::optional<std::chrono::system_clock::time_point> until{}; ///< last failed earlier than this
  std::uint64_t limit = 0; ///< the first so many in the order of keys and arrival; 0: all

  /// Does it let this letter through? The limit does not count.
  bool matches(const dead_letter& letter) const;
  /// "stage parse, cause 'broken'", or "all"; for the audit and for people.
  std::string text() const;

  bool operator==(const dead_letter_filter&) const;
};

} // namespace weir
