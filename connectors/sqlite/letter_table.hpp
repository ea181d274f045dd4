#pragma once

#include <weir/connectors/sqlite/database.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace weir::sqlite {

/// The letters that a filter lets through: read, counted and worked on. A view of a database that has the table
/// `dead_letters`. What keeps letters is `letter_upsert`, what claims them `claimed_letters`.
///
/// Owner: one thread at a time; it must not outlive the database. Every call that changes something expects a
/// transaction to be open.
class letter_table {
public:
  explicit letter_table(database& where) : database_{&where} {}

  result<std::uint64_t> size();
  /// At most `max` letters behind `after`, fewer where payloads are large. The filter's limit does not count.
  result<std::vector<dead_letter>> select(const dead_letter_filter& filter, std::uint64_t max,
                                          const dead_letter_cursor& after);
  result<std::vector<dead_letter_count>> histogram(const dead_letter_filter& filter);
  result<std::optional<dead_letter>> find(std::uint64_t id);

  /// Replaces the payload, and counts replays from 0 on.
  result<void> set_payload(std::uint64_t id, std::string_view payload, const done_by& by);
  /// What asking for a replay would do.
  result<replay_request> count_for_replay(const dead_letter_filter& filter,
                                          const replay_terms& terms);
  result<void> set_requested(const dead_letter_filter& filter, const replay_terms& terms);
  /// Takes back what is requested; returns how many letters are kept now.
  result<std::uint64_t> set_kept(const dead_letter_filter& filter);
  /// Removes what is not being replayed; returns how many.
  result<std::uint64_t> remove(const dead_letter_filter& filter);

private:
  database* database_;
};

} // namespace weir::sqlite
