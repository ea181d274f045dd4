#pragma once

#include <weir/connectors/sqlite/database.hpp>

/// The tables of dead letters in a database: `dead_letters`; `dead_letter_audit`, which is append-only;
/// `dead_letter_replaced`, which holds what edits replaced for as long as their letters; and `dead_letter_numbers`.
///
/// Owner: the thread that opens the database.
/// Invariants: what an older version made is extended in one transaction, and no letter of it is lost. In a file that
/// is up to date nothing is written, and the cost of opening it does not grow with the number of letters.
/// Failure: fatal if there is a table of that name that is another program's; nothing of the call has happened then.
namespace weir::sqlite {

/// Is there a table of dead letters, to read or to extend?
result<bool> has_letter_tables(database& where);

/// Makes the tables where they are not there, and brings older ones up to date.
result<void> make_letter_tables(database& where);

/// Makes tables that are there readable as if they were up to date: by views of this connection alone. Nothing is
/// written into the file.
result<void> show_letter_tables(database& where);

/// Finds a letter with a state that only an older program writes. It has the words of the index
/// `dead_letters_under_way`, so it looks at no letter that nobody works on.
inline constexpr auto older_state_sql =
    "SELECT 1 FROM dead_letters WHERE state <> 'kept' AND state = 'parked' LIMIT 1";

} // namespace weir::sqlite
