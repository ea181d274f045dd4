#pragma once

#include <weir/connectors/sqlite/database.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>

#include <optional>
#include <string_view>

/// A dead letter as a row of the table `dead_letters`.
namespace weir::sqlite {

/// What a letter is read from, in the order of `letter_in`.
inline constexpr auto letter_columns =
    "id, pipeline, stage, source, position, part, key, payload, payload_type, attempts, "
    "replay_count, first_failed_at, last_failed_at, kind, chain, trace_id, state, edited_at";

/// The letter in a row of these columns. Failure: fatal with the letter's id where a value is none of ours: somebody
/// else has written it there, or a later version of this.
result<dead_letter> letter_in(const statement& row);
/// The letter in the first row, if there is one.
result<std::optional<dead_letter>> one_letter(statement& query);

/// Binds a payload as text where it is text, so that the sqlite3 shell shows it; the bytes are the same.
void bind_payload(statement& to, int parameter, std::string_view payload);

} // namespace weir::sqlite
