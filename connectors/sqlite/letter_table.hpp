#pragma once

#include <weir/connectors/sqlite/database.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::sqlite {

/// The tables `dead_letters` and `dead_letter_audit` of a database, and `dead_letter_replaced`, which holds what edits
/// replaced for as long as their letters: letters to rows and back, filters to SQL.
///
/// Owner: one thread at a time. Every call that changes something expects a transaction to be open.
class letter_table {
public:
  /// Makes the tables where they are not there, and adds to an older one what it has not.
  /// Failure: fatal if there is a table of that name that is another's.
  static result<letter_table> in(database& where);
  /// Of tables that are there, and may be older ones: to read from, and nothing is written.
  static result<letter_table> to_read(database& where);
  /// Is there one to read or to extend?
  static result<bool> is_in(database& where);

  /// True if there was none of its identity.
  result<bool> put(const dead_letter& letter);
  result<std::uint64_t> size();

  /// At most `max` letters behind `after`, fewer where payloads are large. The filter's limit does not count.
  result<std::vector<dead_letter>> select(const dead_letter_filter& filter, std::uint64_t max,
                                          const dead_letter_cursor& after);
  result<std::vector<dead_letter_count>> histogram(const dead_letter_filter& filter);
  result<std::optional<dead_letter>> find(std::uint64_t id);
  /// And a replay_count of 0.
  result<void> set_payload(std::uint64_t id, std::string_view payload, const done_by& by);
  result<replay_request> count_for_replay(const dead_letter_filter& filter,
                                          const replay_terms& terms);
  result<void> set_requested(const dead_letter_filter& filter, const replay_terms& terms);
  /// Of what is requested; returns how many.
  result<std::uint64_t> set_kept(const dead_letter_filter& filter);
  result<std::uint64_t> remove(const dead_letter_filter& filter);

  // Claims, by the claimant's number.
  result<std::uint64_t> new_claimant();
  result<bool> any_requested();
  result<std::vector<std::uint64_t>> claimants();
  result<void> claim(std::uint64_t id, std::uint64_t claimant);
  /// True if it was the claimant's, and now is in this state.
  result<bool> give_back(std::uint64_t id, std::uint64_t claimant, dead_letter_state as);
  result<void> release_all(std::uint64_t claimant);
  /// True if it was removed.
  result<bool> remove_claimed(std::uint64_t id, std::uint64_t claimant);

  /// But for its payload.
  result<void> note(const dead_letter_audit& line);
  /// And keeps the payload that was replaced.
  result<void> note_edit(const dead_letter& before, const std::string& payload, const done_by& by);
  result<std::vector<dead_letter_audit>> audit(std::uint64_t after, std::uint64_t max);

private:
  explicit letter_table(database& where) : database_{&where} {}
  result<void> prepare_put();
  result<std::optional<dead_letter>> find_same(const dead_letter& letter);

  struct put_statements {
    statement find; // by identity
    statement insert;
    statement update;
  };
  database* database_;
  std::optional<put_statements> put_; // prepared when it is first needed
};

} // namespace weir::sqlite
