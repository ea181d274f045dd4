#pragma once

#include <weir/connectors/sqlite/database.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>

#include <cstdint>
#include <vector>

namespace weir::sqlite {

/// Which letters are claimed, and by which claimant's number: the columns `state` and `claimed_by` of the table
/// `dead_letters`. A view of a database that has this table. Whether a claimant is alive, `claims` knows.
///
/// Owner: one thread at a time; it must not outlive the database. What changes something expects a transaction.
/// Invariants: only a letter that is requested is claimed, and only its claimant gives it back or removes it.
/// No question looks at letters that nobody works on.
class claimed_letters {
public:
  explicit claimed_letters(database& where) : database_{&where} {}

  result<bool> any_requested();
  /// Everybody who has claimed a letter; 0 stands for nobody one could name.
  result<std::vector<std::uint64_t>> claimants();

  result<void> claim(std::uint64_t id, std::uint64_t claimant);
  /// True if it was the claimant's, and now is in this state.
  result<bool> give_back(std::uint64_t id, std::uint64_t claimant, dead_letter_state as);
  /// Requests again whatever the claimant has.
  result<void> release_all(std::uint64_t claimant);
  /// True if it was the claimant's, and was removed.
  result<bool> remove(std::uint64_t id, std::uint64_t claimant);

private:
  database* database_;
};

} // namespace weir::sqlite
