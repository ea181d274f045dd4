#pragma once

#include <weir/connectors/sqlite/database.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace weir::sqlite {

/// The audit of dead letters: the table `dead_letter_audit`, and `dead_letter_replaced` with the payloads that edits
/// replaced. A view of a database that has these tables.
///
/// Owner: one thread at a time; it must not outlive the database. Notes go into the transaction of what they are about.
/// Invariants: lines are only added. A payload goes with its letter, the line stays.
class letter_audit {
public:
  explicit letter_audit(database& where) : database_{&where} {}

  /// Adds a line, but for its number and payload.
  result<void> note(const dead_letter_audit& line);
  /// Adds the line of an edit, and keeps the payload that was replaced.
  result<void> note_edit(const dead_letter& before, const std::string& payload, const done_by& by);
  /// At most `max` lines behind number `after`, fewer where payloads are large.
  result<std::vector<dead_letter_audit>> read(std::uint64_t after, std::uint64_t max);

private:
  database* database_;
};

} // namespace weir::sqlite
