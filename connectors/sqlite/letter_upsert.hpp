#pragma once

#include <weir/connectors/sqlite/database.hpp>
#include <weir/connectors/sqlite/letter_audit.hpp>
#include <weir/connectors/sqlite/letter_numbers.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>

#include <cstdint>
#include <optional>
#include <span>

namespace weir::sqlite {

/// Keeps letters: one that is new is inserted, and one of an identity that is there already becomes one with it, as
/// put_again says. A view of a database that has the tables of dead letters.
///
/// Owner: one thread at a time; it must not outlive the database. Expects a transaction to be open.
/// Invariants: one letter of each identity; that a replayed one has failed again is in the audit.
class letter_upsert {
public:
  explicit letter_upsert(database& where) : database_{&where}, audit_{where} {}

  /// How many there were none of the identity of.
  result<std::uint64_t> put(std::span<const dead_letter> letters);

private:
  struct statements {
    statement find; // by identity
    statement insert;
    statement update;
  };

  result<void> prepare();
  /// True if there was none of its identity.
  result<bool> put(const dead_letter& letter, letter_ids& ids);
  result<bool> insert(const dead_letter& letter, letter_ids& ids);
  result<std::optional<dead_letter>> find_same(const dead_letter& letter);

  database* database_;
  letter_audit audit_;
  std::optional<statements> prepared_; // when they are first needed
};

} // namespace weir::sqlite
