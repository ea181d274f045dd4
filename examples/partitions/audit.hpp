#pragma once

#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <string>

/// What is in the files, held against the log.
struct audit {
  std::uint64_t rows = 0;
  std::uint64_t dead_letters = 0;       ///< records that are one
  std::uint64_t dead_letters_again = 0; ///< letters of records that have one already
  std::uint64_t missing = 0;            ///< neither a row nor a dead letter
  std::uint64_t both = 0;               ///< both of them
  std::uint64_t wrong = 0;              ///< a row with another value, or the wrong one of the two
  std::uint64_t unknown = 0;            ///< rows and letters of no record of the log
  std::uint64_t stored_again = 0;       ///< rows that somebody wanted to store a second time
};

weir::result<audit> audit_of(const std::string& store, const std::string& dead_letters,
                             std::uint64_t records);

/// How many rows there are.
weir::result<std::uint64_t> rows_in(const std::string& store);
