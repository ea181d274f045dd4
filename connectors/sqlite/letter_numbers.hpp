#pragma once

#include <weir/connectors/sqlite/database.hpp>

#include <cstdint>
#include <optional>

/// Numbers of the table `dead_letter_numbers`. None is given twice, also where what had it is gone: for the audit
/// names letters by their ids.
///
/// Owner: who has begun a transaction; what is not committed was not given.
/// Failure: fatal if the table has no next number, which only damage can bring about.
namespace weir::sqlite {

/// Ids for the letters of one transaction, one after the other: the table is read before the first, and written when
/// all are taken. They are behind those of all letters that are there: a row that an older program put has taken its id
/// without asking.
class letter_ids {
public:
  explicit letter_ids(database& in) : database_{&in} {}

  result<std::uint64_t> next();
  /// The last one was not used: it is given again.
  void give_back() noexcept { --*last_; }
  /// Notes which are taken.
  result<void> keep();

private:
  database* database_;
  std::optional<std::uint64_t> last_; // taken; none yet
};

/// A number to claim letters with.
result<std::uint64_t> next_claimant(database& in);

} // namespace weir::sqlite
