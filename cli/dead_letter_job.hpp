#pragma once

#include <weir/cli/dead_letter_request.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::internal {

/// One run of `PROGRAM dead-letters ACTION`: what was asked for, the store, and how both actions and failures speak.
///
/// Owner: the command. What it refers to must outlive it.
struct dead_letter_job {
  const std::string name; ///< of the command, before what goes wrong
  const dead_letter_request asked;
  const dead_letter_filter filter;
  const std::uint64_t id; ///< of an action that takes one
  dead_letter_queue& queue;
  dead_letter_queue& origin; ///< what `queue` was made from
  const done_by by{user()};

  /// Says why on standard error; returns the exit code.
  int failed(const failure& why) const;
  /// Writes the causes, for people or for programs.
  void print_causes(const std::vector<dead_letter_count>& causes) const;

  /// Who is at the keyboard: for the audit.
  static std::string user();
};

/// How wide standard output is.
std::size_t output_columns();

/// How many letters a histogram has counted.
std::uint64_t sum(const std::vector<dead_letter_count>& causes);

} // namespace weir::internal
