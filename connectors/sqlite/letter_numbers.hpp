#pragma once

#include <weir/connectors/sqlite/database.hpp>

#include <cstdint>

/// Numbers of the table `dead_letter_numbers`. None is given twice, also where what had it is gone: for the audit
/// names letters by their ids.
///
/// Owner: who has begun a transaction; what is not committed was not given.
/// Failure: fatal if the table has no next number, which only damage can bring about.
namespace weir::sqlite {

/// An id for a letter. It is behind those of all letters that are there: a row that an older program put has taken
/// its id without asking.
result<std::uint64_t> next_letter_id(database& in);
/// A number to claim letters with.
result<std::uint64_t> next_claimant(database& in);

} // namespace weir::sqlite
