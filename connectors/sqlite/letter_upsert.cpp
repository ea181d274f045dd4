#include <weir/connectors/sqlite/letter_numbers.hpp>
#include <weir/connectors/sqlite/letter_row.hpp>
#include <weir/connectors/sqlite/letter_upsert.hpp>
#include <weir/supervision/utc.hpp>
#include <weir/supervision/utf8.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace weir::sqlite {

namespace {

// The state is named, for the default of a table that an older version made is another.
constexpr auto insert_sql = R"(INSERT INTO dead_letters(
  kind, cause, chain, payload, payload_type, attempts, first_failed_at, last_failed_at,
  replay_count, key, trace_id, id, pipeline, stage, source, position, part, state)
VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, 'kept')
ON CONFLICT(pipeline, stage, source, position, part) DO NOTHING)";

constexpr auto update_sql = R"(UPDATE dead_letters SET
  kind = ?1, cause = ?2, chain = ?3, payload = ?4, payload_type = ?5, attempts = ?6,
  first_failed_at = ?7, last_failed_at = ?8, replay_count = ?9, key = ?10, trace_id = ?11,
  state = 'kept', claimed_by = NULL, edited_at = NULL
WHERE id = ?12)";

std::string json_array(const std::vector<std::string>& chain) {
  auto array = nlohmann::json::array();
  for (const auto& one : chain)
    array.push_back(readable(one));
  return array.dump();
}

/// Binds what inserting and updating have in common.
void bind_letter(statement& to, const dead_letter& kept) {
  to.bind_text(1, to_string(kept.why.kind));
  to.bind_text(2, readable(kept.why.message()));
  to.bind_text(3, json_array(kept.why.chain));
  bind_payload(to, 4, kept.payload);
  to.bind_text(5, kept.payload_type);
  to.bind_integer(6, kept.attempts);
  to.bind_text(7, utc_text(kept.first_failed_at));
  to.bind_text(8, utc_text(kept.last_failed_at));
  to.bind_integer(9, kept.replay_count);
  to.bind_text(10, kept.key);
  to.bind_text(11, kept.trace_id);
  to.bind_integer(12, static_cast<std::int64_t>(kept.id));
}

/// Binds who the letter is, from parameter `first` on.
void bind_identity(statement& to, int first, const dead_letter& letter) {
  to.bind_text(first, letter.pipeline);
  to.bind_text(first + 1, letter.stage);
  to.bind_text(first + 2, letter.source);
  to.bind_integer(first + 3, static_cast<std::int64_t>(letter.position));
  to.bind_integer(first + 4, letter.part);
}

} // namespace

result<void> letter_upsert::prepare() {
  auto find = database_->prepare(
      "SELECT " + std::string{letter_columns}
      + " FROM dead_letters WHERE pipeline = ?1 AND stage = ?2 AND source = ?3 AND position = ?4 "
        "AND part = ?5");
  if (!find)
    return std::move(find.error());
  auto insert = database_->prepare(insert_sql);
  if (!insert)
    return std::move(insert.error());
  auto update = database_->prepare(update_sql);
  if (!update)
    return std::move(update.error());
  prepared_.emplace(statements{std::move(*find), std::move(*insert), std::move(*update)});
  return {};
}

result<std::optional<dead_letter>> letter_upsert::find_same(const dead_letter& letter) {
  bind_identity(prepared_->find, 1, letter);
  return one_letter(prepared_->find);
}

/// Most letters are new: so whether there is one of its identity is asked by inserting it.
result<bool> letter_upsert::insert(const dead_letter& letter, letter_ids& ids) {
  auto id = ids.next();
  if (!id)
    return std::move(id.error());
  const auto kept = put_first(letter, *id);
  bind_letter(prepared_->insert, kept);
  bind_identity(prepared_->insert, 13, kept);
  if (auto done = prepared_->insert.run(); !done)
    return std::move(done.error());
  const bool inserted = database_->changes() > 0;
  if (!inserted)
    ids.give_back();
  return inserted;
}

result<bool> letter_upsert::put(const dead_letter& letter, letter_ids& ids) {
  auto inserted = insert(letter, ids);
  if (!inserted || *inserted)
    return inserted;
  auto before = find_same(letter);
  if (!before)
    return std::move(before.error());
  if (!*before)
    return fatal("a letter is neither there nor can it be inserted");
  if (letter.attempts == 0) // put_again leaves it as it is
    return false;
  const auto kept = put_again(**before, letter);
  bind_letter(prepared_->update, kept);
  auto done = prepared_->update.run();
  prepared_->update.clear(); // a copy of a large payload need not stay
  if (done && (*before)->state == dead_letter_state::replaying)
    done = audit_.note(failed_again(kept));
  if (!done)
    return std::move(done.error());
  return false;
}

result<std::uint64_t> letter_upsert::put(std::span<const dead_letter> letters) {
  if (!prepared_)
    if (auto ready = prepare(); !ready)
      return std::move(ready.error());
  letter_ids ids{*database_};
  std::uint64_t added = 0;
  for (const auto& one : letters) {
    auto done = put(one, ids);
    if (!done) {
      prepared_->insert.clear();
      return std::move(done.error());
    }
    added += *done ? 1 : 0;
  }
  prepared_->insert.clear(); // a copy of a large payload need not stay
  if (auto noted = ids.keep(); !noted)
    return std::move(noted.error());
  return added;
}

} // namespace weir::sqlite
