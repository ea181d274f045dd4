#include <weir/connectors/sqlite/letter_table.hpp>
#include <weir/supervision/utc.hpp>
#include <weir/supervision/utf8.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

namespace weir::sqlite {

namespace {

using std::chrono::system_clock;

struct column {
  const char* name;
  const char* type;
  bool first_version;             ///< an older table has it too
  const char* where_missing = ""; ///< what letters of a table without it have
};

constexpr std::array columns{
    column{"id", "INTEGER PRIMARY KEY", true},
    column{"pipeline", "TEXT NOT NULL", true},
    column{"stage", "TEXT NOT NULL", true},
    column{"source", "TEXT NOT NULL", true},
    column{"position", "INTEGER NOT NULL", true},
    column{"part", "INTEGER NOT NULL", true},
    column{"kind", "TEXT NOT NULL", true},
    column{"cause", "TEXT NOT NULL", true},
    column{"chain", "TEXT NOT NULL", true},
    column{"payload", "BLOB NOT NULL", true},
    column{"payload_type", "TEXT NOT NULL", true},
    column{"attempts", "INTEGER NOT NULL", true},
    column{"first_failed_at", "TEXT NOT NULL", true},
    column{"last_failed_at", "TEXT NOT NULL", true},
    column{"replay_count", "INTEGER NOT NULL DEFAULT 0", true},
    column{"key", "TEXT NOT NULL DEFAULT ''", false, "''"},
    column{"trace_id", "TEXT NOT NULL DEFAULT ''", false, "''"},
    column{"state", "TEXT NOT NULL DEFAULT 'kept'", false, "'kept'"},
    column{"claimed_by", "INTEGER", false, "NULL"},
    column{"edited_at", "TEXT", false, "NULL"},
};

constexpr auto around_sql = R"(
CREATE INDEX IF NOT EXISTS dead_letters_in_order ON dead_letters(key, id);
CREATE INDEX IF NOT EXISTS dead_letters_under_way ON dead_letters(state) WHERE state <> 'kept';
CREATE TABLE IF NOT EXISTS dead_letter_numbers(
  name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO dead_letter_numbers VALUES('id', 0), ('claimant', 0);
CREATE TABLE IF NOT EXISTS dead_letter_audit(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, about TEXT NOT NULL, outcome TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS dead_letter_audit_insert BEFORE INSERT ON dead_letter_audit
  WHEN EXISTS(SELECT 1 FROM dead_letter_audit WHERE number = NEW.number)
  BEGIN SELECT RAISE(ABORT, 'the audit of dead letters is append-only'); END;
CREATE TRIGGER IF NOT EXISTS dead_letter_audit_update BEFORE UPDATE ON dead_letter_audit
  BEGIN SELECT RAISE(ABORT, 'the audit of dead letters is append-only'); END;
CREATE TRIGGER IF NOT EXISTS dead_letter_audit_delete BEFORE DELETE ON dead_letter_audit
  BEGIN SELECT RAISE(ABORT, 'the audit of dead letters is append-only'); END;
CREATE TABLE IF NOT EXISTS dead_letter_replaced(
  line INTEGER PRIMARY KEY, letter INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS dead_letter_replaced_of ON dead_letter_replaced(letter);
CREATE TRIGGER IF NOT EXISTS dead_letters_removed AFTER DELETE ON dead_letters
  BEGIN DELETE FROM dead_letter_replaced WHERE letter = OLD.id; END)";

// An older audit has the payloads in it, and they would outlive their letters.
constexpr auto out_of_audit_sql = R"(
INSERT INTO dead_letter_replaced
  SELECT number, dead_letters.id, payload_before FROM dead_letter_audit JOIN dead_letters
    ON what = 'edit' AND about = 'id ' || dead_letters.id WHERE payload_before IS NOT NULL;
ALTER TABLE dead_letter_audit DROP COLUMN payload_before)";

// What a letter is read from, in the order of letter_in.
constexpr auto letter_columns =
    "id, pipeline, stage, source, position, part, key, payload, payload_type, attempts, "
    "replay_count, first_failed_at, last_failed_at, kind, chain, trace_id, state, edited_at";

constexpr auto insert_sql = R"(INSERT INTO dead_letters(
  kind, cause, chain, payload, payload_type, attempts, first_failed_at, last_failed_at,
  replay_count, key, trace_id, id, pipeline, stage, source, position, part)
VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17))";

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

/// As text where it is text, so that the sqlite3 shell shows it; the bytes are the same.
void bind_payload(statement& to, int parameter, std::string_view payload) {
  if (is_text(payload))
    to.bind_text(parameter, payload);
  else
    to.bind_blob(parameter, payload);
}

// --- from rows ---------------------------------------------------------------------------------------

/// A value that somebody else has written there, or a later version of this.
failure unreadable(std::int64_t id, const std::string& expected, const std::string& found) {
  return fatal("expected " + expected + ", found '" + found + "'")
      .within("dead letter " + std::to_string(id));
}

result<dead_letter> letter_in(const statement& row) {
  dead_letter one;
  const auto id = row.integer(0);
  one.id = static_cast<std::uint64_t>(id);
  one.pipeline = row.text(1);
  one.stage = row.text(2);
  one.source = row.text(3);
  one.position = static_cast<std::uint64_t>(row.integer(4));
  one.part = static_cast<std::uint32_t>(row.integer(5));
  one.key = row.text(6);
  one.payload = row.text(7);
  one.payload_type = row.text(8);
  one.attempts = static_cast<std::uint32_t>(row.integer(9));
  one.replay_count = static_cast<std::uint32_t>(row.integer(10));
  for (auto [column, time] : {std::pair{11, &one.first_failed_at}, {12, &one.last_failed_at}}) {
    const auto read = read_utc(row.text(column));
    if (!read)
      return unreadable(id, "a time as 2024-01-31T12:00:00.000Z", row.text(column));
    *time = *read;
  }
  const auto kind = row.text(13);
  const auto* const known =
      std::ranges::find(failure_kinds, kind, [](auto is) { return to_string(is); });
  if (known == failure_kinds.end())
    return unreadable(id, "a kind of failure", kind);
  one.why.kind = *known;
  const auto chain = nlohmann::json::parse(row.text(14), nullptr, false);
  if (!chain.is_array())
    return unreadable(id, "a JSON array as chain", row.text(14));
  for (const auto& message : chain)
    one.why.chain.push_back(message.is_string() ? message.get<std::string>() : message.dump());
  one.trace_id = row.text(15);
  const auto state = row.text(16);
  const auto* const is =
      std::ranges::find(dead_letter_states, state, [](auto s) { return to_string(s); });
  if (is == dead_letter_states.end())
    return unreadable(id, "a state", state);
  one.state = *is;
  if (const auto edited = row.text(17); !edited.empty()) {
    one.edited_at = read_utc(edited);
    if (!one.edited_at)
      return unreadable(id, "a time as 2024-01-31T12:00:00.000Z", edited);
  }
  return one;
}

/// Runs a statement to its end, and shows each row.
template <class Show>
result<void> each_row(statement& query, Show show) {
  for (;;) {
    auto more = query.step();
    if (!more)
      return std::move(more.error());
    if (!*more)
      return {};
    if (result<bool> go_on = show(query); !go_on || !*go_on) {
      query.reset();
      if (!go_on)
        return std::move(go_on.error());
      return {};
    }
  }
}

// --- filters -----------------------------------------------------------------------------------------

/// A condition under construction: SQL, and its values.
class condition {
public:
  explicit condition(const dead_letter_filter& filter) {
    if (!filter.ids.empty())
      add("id IN (SELECT value FROM json_each(?))", nlohmann::json(filter.ids).dump());
    equal("pipeline", filter.pipeline);
    equal("stage", filter.stage);
    equal("source", filter.source);
    if (!filter.cause.empty())
      add("instr(cause, ?) > 0", filter.cause);
    if (filter.kind)
      add("kind = ?", std::string{to_string(*filter.kind)});
    if (filter.key)
      add("key = ?", *filter.key);
    if (filter.state) {
      add("state = ?", std::string{to_string(*filter.state)});
      if (*filter.state != dead_letter_state::kept)
        sql_ += " AND state <> 'kept'"; // the words of the index
    }
    if (filter.since)
      add("last_failed_at >= ?", rounded_up(*filter.since));
    if (filter.until)
      add("last_failed_at < ?", rounded_up(*filter.until));
  }

  void and_also(const char* sql) { sql_ += std::string{" AND "} + sql; }
  void behind(const dead_letter_cursor& cursor) {
    add("(key, id) > (?, ?)", cursor.key);
    integer_ = static_cast<std::int64_t>(cursor.id);
  }

  const std::string& sql() const { return sql_; }
  /// " WHERE … ORDER BY … LIMIT …"
  std::string sql(std::uint64_t limit) const {
    auto text = " WHERE " + sql_ + " ORDER BY key, id";
    if (limit > 0)
      text += " LIMIT " + std::to_string(std::min<std::uint64_t>(limit, INT64_MAX));
    return text;
  }
  void bind(statement& to) const {
    int parameter = 1;
    for (const auto& one : values_)
      to.bind_text(parameter++, one);
    if (integer_)
      to.bind_integer(parameter, *integer_);
  }

private:
  /// Times are kept in whole milliseconds.
  static std::string rounded_up(system_clock::time_point when) {
    return utc_text(std::chrono::ceil<std::chrono::milliseconds>(when));
  }
  void equal(const char* name, const std::string& value) {
    if (!value.empty())
      add(name + std::string{" = ?"}, value);
  }
  void add(const std::string& sql, std::string value) {
    sql_ += " AND " + sql;
    values_.push_back(std::move(value));
  }

  std::string sql_ = "1";
  std::vector<std::string> values_;
  std::optional<std::int64_t> integer_; // the last value
};

/// "id IN (…)": the letters that the filter lets through, its limit included.
std::string chosen(const condition& which, std::uint64_t limit) {
  return "id IN (SELECT id FROM dead_letters" + which.sql(limit) + ")";
}

result<statement> prepared(database& in, const std::string& sql, const condition& which) {
  auto made = in.prepare(sql);
  if (made)
    which.bind(*made);
  return made;
}

result<void> run(database& in, const std::string& sql, const condition& which) {
  auto made = prepared(in, sql, which);
  if (!made)
    return std::move(made.error());
  return made->run();
}

// --- the schema --------------------------------------------------------------------------------------

constexpr auto letters_name = "dead_letters";
constexpr auto audit_name = "dead_letter_audit";
constexpr auto replaced_name = "dead_letter_replaced";
constexpr auto older_payload = "payload_before"; // a column that an older audit has

result<std::vector<std::string>> column_names(database& where, const std::string& table) {
  auto query = where.prepare("SELECT name FROM pragma_table_info('" + table + "', 'main')");
  if (!query)
    return std::move(query.error());
  std::vector<std::string> names;
  auto read = each_row(*query, [&names](const statement& row) {
    names.push_back(row.text(0));
    return true;
  });
  if (!read)
    return std::move(read.error());
  return names;
}

bool has(const std::vector<std::string>& names, const char* one) {
  return std::ranges::count(names, one) > 0;
}

result<bool> is_complete(database& where, const std::vector<std::string>& names) {
  if (!std::ranges::all_of(columns, [&](const auto& one) { return has(names, one.name); }))
    return false;
  if (auto audit = column_names(where, audit_name); !audit)
    return std::move(audit.error());
  else if (has(*audit, older_payload))
    return false;
  auto query = where.prepare("SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = "
                             "'dead_letters_removed'"); // is made last
  if (!query)
    return std::move(query.error());
  auto there = query->step();
  query->reset();
  return there;
}

failure another_programs(const column& missing) {
  return fatal("table dead_letters has no column named " + std::string{missing.name}
               + ": it is another program's");
}

result<void> make_tables(database& where) {
  auto names = column_names(where, letters_name);
  if (!names)
    return std::move(names.error());
  auto complete = is_complete(where, *names);
  if (!complete)
    return std::move(complete.error());
  if (*complete)
    return {};
  auto writing = transaction::begin(where);
  if (!writing)
    return std::move(writing.error());
  names = column_names(where, letters_name); // another may have been here
  if (!names)
    return std::move(names.error());
  std::string create = "CREATE TABLE dead_letters(";
  for (const auto& one : columns) {
    const auto declared = one.name + std::string{" "} + one.type;
    create += declared + ", ";
    if (names->empty() || has(*names, one.name))
      continue;
    if (one.first_version)
      return another_programs(one);
    if (auto added = where.execute("ALTER TABLE dead_letters ADD COLUMN " + declared); !added)
      return added;
  }
  if (names->empty())
    if (auto made = where.execute(create + "UNIQUE(pipeline, stage, source, position, part))");
        !made)
      return made;
  if (auto made = where.execute(around_sql); !made)
    return made;
  auto audit = column_names(where, audit_name);
  if (!audit)
    return std::move(audit.error());
  if (has(*audit, older_payload))
    if (auto moved = where.execute(out_of_audit_sql); !moved)
      return moved;
  return writing->commit();
}

/// A table of this connection alone, which has all columns where an older one has not.
result<void> show_as(database& where, const std::string& name, const std::string& rows) {
  return where.execute("PRAGMA temp_store = MEMORY; PRAGMA query_only = OFF; CREATE TEMP VIEW "
                       + name + " AS " + rows + "; PRAGMA query_only = ON");
}

} // namespace

result<bool> letter_table::is_in(database& where) {
  auto names = column_names(where, letters_name);
  if (!names)
    return std::move(names.error());
  return !names->empty();
}

result<letter_table> letter_table::to_read(database& where) {
  auto names = column_names(where, letters_name);
  if (!names)
    return std::move(names.error());
  std::string rows;
  bool older = false;
  for (const auto& one : columns) {
    const bool there = has(*names, one.name);
    if (!there && one.first_version)
      return another_programs(one);
    older = older || !there;
    rows += (rows.empty() ? "SELECT " : ", ")
            + (there ? std::string{one.name} : one.where_missing + std::string{" AS "} + one.name);
  }
  if (older)
    if (auto shown = show_as(where, letters_name, rows + " FROM main.dead_letters"); !shown)
      return std::move(shown.error());
  auto audit = column_names(where, audit_name);
  if (!audit)
    return std::move(audit.error());
  if (audit->empty())
    if (auto shown = show_as(where, audit_name,
                             "SELECT 0 AS number, '' AS at, '' AS who, '' AS what, '' AS about, "
                             "'' AS outcome WHERE 0");
        !shown)
      return std::move(shown.error());
  auto replaced = column_names(where, replaced_name);
  if (!replaced)
    return std::move(replaced.error());
  if (replaced->empty())
    if (auto shown = show_as(where, replaced_name,
                             has(*audit, older_payload)
                                 ? "SELECT number AS line, payload_before AS payload "
                                   "FROM main.dead_letter_audit WHERE payload_before IS NOT NULL"
                                 : "SELECT 0 AS line, NULL AS payload WHERE 0");
        !shown)
      return std::move(shown.error());
  return letter_table{where};
}

result<letter_table> letter_table::in(database& where) {
  if (auto made = make_tables(where); !made)
    return std::move(made.error());
  return letter_table{where};
}

result<void> letter_table::prepare_put() {
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
  put_.emplace(put_statements{std::move(*find), std::move(*insert), std::move(*update)});
  return {};
}

// --- keeping -----------------------------------------------------------------------------------------

namespace {

result<std::optional<dead_letter>> one_letter(statement& query) {
  std::optional<dead_letter> found;
  auto read = each_row(query, [&found](const statement& row) -> result<bool> {
    auto one = letter_in(row);
    if (!one)
      return std::move(one.error());
    found = std::move(*one);
    return false;
  });
  if (!read)
    return std::move(read.error());
  return found;
}

result<std::uint64_t> one_number(statement& query) {
  auto there = query.step();
  if (!there)
    return std::move(there.error());
  const auto number = *there ? static_cast<std::uint64_t>(query.integer(0)) : 0;
  query.reset();
  return number;
}

result<std::uint64_t> next_number(database& in, const char* name, const char* at_least) {
  auto query = in.prepare(std::string{"UPDATE dead_letter_numbers SET last = 1 + max(last, "}
                          + at_least + ") WHERE name = '" + name + "' RETURNING last");
  if (!query)
    return std::move(query.error());
  auto number = one_number(*query);
  if (number && (*number == 0 || *number > INT64_MAX))
    return fatal("the file is damaged: table dead_letter_numbers has no next " + std::string{name});
  return number;
}

} // namespace

result<std::optional<dead_letter>> letter_table::find_same(const dead_letter& letter) {
  put_->find.bind_text(1, letter.pipeline);
  put_->find.bind_text(2, letter.stage);
  put_->find.bind_text(3, letter.source);
  put_->find.bind_integer(4, static_cast<std::int64_t>(letter.position));
  put_->find.bind_integer(5, letter.part);
  return one_letter(put_->find);
}

result<bool> letter_table::put(const dead_letter& letter) {
  if (!put_)
    if (auto ready = prepare_put(); !ready)
      return std::move(ready.error());
  auto before = find_same(letter);
  if (!before)
    return std::move(before.error());
  if (*before && letter.attempts == 0) // put_again leaves it as it is
    return false;
  dead_letter kept;
  if (*before) {
    kept = put_again(**before, letter);
  } else {
    // Never an id twice, for the audit names them. A row that an older program put has taken the next one.
    auto id = next_number(*database_, "id", "(SELECT ifnull(max(id), 0) FROM dead_letters)");
    if (!id)
      return std::move(id.error());
    kept = put_first(letter, *id);
  }
  auto& put = *before ? put_->update : put_->insert;
  put.bind_text(1, to_string(kept.why.kind));
  put.bind_text(2, readable(kept.why.message()));
  put.bind_text(3, json_array(kept.why.chain));
  bind_payload(put, 4, kept.payload);
  put.bind_text(5, kept.payload_type);
  put.bind_integer(6, kept.attempts);
  put.bind_text(7, utc_text(kept.first_failed_at));
  put.bind_text(8, utc_text(kept.last_failed_at));
  put.bind_integer(9, kept.replay_count);
  put.bind_text(10, kept.key);
  put.bind_text(11, kept.trace_id);
  put.bind_integer(12, static_cast<std::int64_t>(kept.id));
  if (!*before) {
    put.bind_text(13, kept.pipeline);
    put.bind_text(14, kept.stage);
    put.bind_text(15, kept.source);
    put.bind_integer(16, static_cast<std::int64_t>(kept.position));
    put.bind_integer(17, kept.part);
  }
  auto done = put.run();
  put.clear(); // a copy of a large payload need not stay
  if (done && *before && (*before)->state == dead_letter_state::replaying)
    done = note(failed_again(kept));
  if (!done)
    return std::move(done.error());
  return !*before;
}

result<std::uint64_t> letter_table::size() {
  auto query = database_->prepare("SELECT count(*) FROM dead_letters");
  if (!query)
    return std::move(query.error());
  return one_number(*query);
}

// --- reading -----------------------------------------------------------------------------------------

result<std::vector<dead_letter>> letter_table::select(const dead_letter_filter& filter,
                                                      std::uint64_t max,
                                                      const dead_letter_cursor& after) {
  std::vector<dead_letter> page;
  if (max == 0)
    return page;
  condition which{filter};
  which.behind(after);
  auto query = prepared(
      *database_, "SELECT " + std::string{letter_columns} + " FROM dead_letters" + which.sql(max),
      which);
  if (!query)
    return std::move(query.error());
  std::size_t bytes = 0;
  auto read = each_row(*query, [&](const statement& row) -> result<bool> {
    auto one = letter_in(row);
    if (!one)
      return std::move(one.error());
    bytes += one->payload.size();
    page.push_back(std::move(*one));
    return bytes <= dead_letter_queue::page_bytes;
  });
  if (!read)
    return std::move(read.error());
  return page;
}

result<std::vector<dead_letter_count>> letter_table::histogram(const dead_letter_filter& filter) {
  const condition which{filter};
  auto query = prepared(*database_,
                        "SELECT stage, ifnull(iif(json_valid(chain), chain ->> 0, NULL), 'no cause "
                        "was given') AS why, count(*) AS letters "
                        "FROM (SELECT stage, chain FROM dead_letters"
                            + which.sql(filter.limit)
                            + ") GROUP BY stage, why ORDER BY letters DESC, stage, why",
                        which);
  if (!query)
    return std::move(query.error());
  dead_letter_tally tally;
  auto read = each_row(*query, [&tally](const statement& row) {
    tally.add({row.text(0), row.text(1), static_cast<std::uint64_t>(row.integer(2))});
    return true;
  });
  if (!read)
    return std::move(read.error());
  return std::move(tally).take();
}

result<std::optional<dead_letter>> letter_table::find(std::uint64_t id) {
  auto query = database_->prepare("SELECT " + std::string{letter_columns}
                                  + " FROM dead_letters WHERE id = ?1");
  if (!query)
    return std::move(query.error());
  query->bind_integer(1, static_cast<std::int64_t>(id));
  return one_letter(*query);
}

// --- working on them ---------------------------------------------------------------------------------

result<void> letter_table::set_payload(std::uint64_t id, std::string_view payload,
                                       const done_by& by) {
  auto query = database_->prepare(
      "UPDATE dead_letters SET payload = ?1, replay_count = 0, edited_at = ?3 WHERE id = ?2");
  if (!query)
    return std::move(query.error());
  bind_payload(*query, 1, payload);
  query->bind_integer(2, static_cast<std::int64_t>(id));
  query->bind_text(3, utc_text(by.at));
  return query->run();
}

result<replay_request> letter_table::count_for_replay(const dead_letter_filter& filter,
                                                      const replay_terms& terms) {
  const condition which{filter};
  const auto too_often =
      terms.forced ? "0" : "replay_count >= " + std::to_string(terms.replays_max);
  auto query = prepared(*database_,
                        "SELECT state <> 'kept', " + too_often
                            + ", count(*) FROM (SELECT state, replay_count FROM dead_letters"
                            + which.sql(filter.limit) + ") GROUP BY 1, 2",
                        which);
  if (!query)
    return std::move(query.error());
  replay_request answer;
  auto read = each_row(*query, [&answer](const statement& row) {
    auto& count = row.integer(0) != 0   ? answer.under_way
                  : row.integer(1) != 0 ? answer.too_often
                                        : answer.requested;
    count += static_cast<std::uint64_t>(row.integer(2));
    return true;
  });
  if (!read)
    return std::move(read.error());
  return answer;
}

result<void> letter_table::set_requested(const dead_letter_filter& filter,
                                         const replay_terms& terms) {
  const condition which{filter};
  auto sql = "UPDATE dead_letters SET state = 'requested' WHERE state = 'kept' AND "
             + chosen(which, filter.limit);
  if (!terms.forced)
    sql += " AND replay_count < " + std::to_string(terms.replays_max);
  return run(*database_, sql, which);
}

result<std::uint64_t> letter_table::set_kept(const dead_letter_filter& filter) {
  condition which{filter};
  which.and_also("state <> 'kept' AND state = 'requested'"); // of these the first so many
  if (auto done =
          run(*database_,
              "UPDATE dead_letters SET state = 'kept' WHERE " + chosen(which, filter.limit), which);
      !done)
    return std::move(done.error());
  return static_cast<std::uint64_t>(database_->changes());
}

result<std::uint64_t> letter_table::remove(const dead_letter_filter& filter) {
  condition which{filter};
  which.and_also("state <> 'replaying'");
  if (auto done =
          run(*database_, "DELETE FROM dead_letters WHERE " + chosen(which, filter.limit), which);
      !done)
    return std::move(done.error());
  return static_cast<std::uint64_t>(database_->changes());
}

// --- claims ------------------------------------------------------------------------------------------

result<std::uint64_t> letter_table::new_claimant() {
  return next_number(*database_, "claimant",
                     "(SELECT ifnull(max(claimed_by), 0) FROM dead_letters)");
}

result<bool> letter_table::any_requested() {
  auto query = database_->prepare("SELECT 1 FROM dead_letters WHERE state <> 'kept' AND "
                                  "state = 'requested' LIMIT 1");
  if (!query)
    return std::move(query.error());
  auto there = query->step();
  query->reset();
  return there;
}

result<std::vector<std::uint64_t>> letter_table::claimants() {
  auto query = database_->prepare("SELECT DISTINCT ifnull(claimed_by, 0) FROM dead_letters WHERE "
                                  "state <> 'kept' AND state = 'replaying'");
  if (!query)
    return std::move(query.error());
  std::vector<std::uint64_t> numbers;
  auto read = each_row(*query, [&numbers](const statement& row) {
    numbers.push_back(static_cast<std::uint64_t>(row.integer(0)));
    return true;
  });
  if (!read)
    return std::move(read.error());
  return numbers;
}

namespace {

constexpr auto claimed_sql =
    " WHERE state <> 'kept' AND state = 'replaying' AND ifnull(claimed_by, 0) = ?1";

result<int> run_with(database& in, const std::string& sql, std::uint64_t first,
                     std::optional<std::uint64_t> second = {}) {
  auto query = in.prepare(sql);
  if (!query)
    return std::move(query.error());
  query->bind_integer(1, static_cast<std::int64_t>(first));
  if (second)
    query->bind_integer(2, static_cast<std::int64_t>(*second));
  if (auto done = query->run(); !done)
    return std::move(done.error());
  return in.changes();
}

result<void> nothing(result<int> changes) {
  if (!changes)
    return std::move(changes.error());
  return {};
}

} // namespace

result<void> letter_table::claim(std::uint64_t id, std::uint64_t claimant) {
  return nothing(run_with(*database_,
                          "UPDATE dead_letters SET state = 'replaying', claimed_by = ?1 WHERE "
                          "id = ?2 AND state = 'requested'",
                          claimant, id));
}

result<bool> letter_table::give_back(std::uint64_t id, std::uint64_t claimant,
                                     dead_letter_state as) {
  auto changes = run_with(*database_,
                          "UPDATE dead_letters SET claimed_by = NULL, state = '"
                              + std::string{to_string(as)} + "'" + claimed_sql + " AND id = ?2",
                          claimant, id);
  if (!changes)
    return std::move(changes.error());
  return *changes > 0;
}

result<void> letter_table::release_all(std::uint64_t claimant) {
  return nothing(run_with(*database_,
                          "UPDATE dead_letters SET state = 'requested', claimed_by = NULL"
                              + std::string{claimed_sql},
                          claimant));
}

result<bool> letter_table::remove_claimed(std::uint64_t id, std::uint64_t claimant) {
  auto changes =
      run_with(*database_, "DELETE FROM dead_letters" + std::string{claimed_sql} + " AND id = ?2",
               claimant, id);
  if (!changes)
    return std::move(changes.error());
  return *changes > 0;
}

// --- the audit ---------------------------------------------------------------------------------------

result<void> letter_table::note(const dead_letter_audit& line) {
  auto query = database_->prepare("INSERT INTO dead_letter_audit(at, who, what, about, outcome) "
                                  "VALUES(?1, ?2, ?3, ?4, ?5)");
  if (!query)
    return std::move(query.error());
  query->bind_text(1, utc_text(line.at));
  query->bind_text(2, readable(line.who));
  query->bind_text(3, readable(line.what));
  query->bind_text(4, readable(line.about));
  query->bind_text(5, readable(line.outcome));
  return query->run();
}

result<void> letter_table::note_edit(const dead_letter& before, const std::string& payload,
                                     const done_by& by) {
  if (auto noted = note(edited(before, payload, by)); !noted)
    return noted;
  auto query = database_->prepare("INSERT INTO dead_letter_replaced(line, letter, payload) "
                                  "VALUES(last_insert_rowid(), ?1, ?2)");
  if (!query)
    return std::move(query.error());
  query->bind_integer(1, static_cast<std::int64_t>(before.id));
  bind_payload(*query, 2, before.payload);
  return query->run();
}

result<std::vector<dead_letter_audit>> letter_table::audit(std::uint64_t after, std::uint64_t max) {
  auto query = database_->prepare(
      "SELECT number, at, who, what, about, outcome, payload IS NOT NULL, payload "
      "FROM dead_letter_audit LEFT JOIN dead_letter_replaced ON line = number "
      "WHERE number > ?1 ORDER BY number LIMIT ?2");
  if (!query)
    return std::move(query.error());
  query->bind_integer(1, static_cast<std::int64_t>(after));
  query->bind_integer(2, static_cast<std::int64_t>(std::min<std::uint64_t>(max, INT64_MAX)));
  std::vector<dead_letter_audit> lines;
  std::size_t bytes = 0;
  auto read = each_row(*query, [&](const statement& row) {
    lines.push_back({static_cast<std::uint64_t>(row.integer(0)),
                     read_utc(row.text(1)).value_or(system_clock::time_point{}), row.text(2),
                     row.text(3), row.text(4), row.text(5)});
    if (row.integer(6) == 0)
      return true;
    lines.back().payload_before = row.text(7);
    bytes += lines.back().payload_before->size();
    return bytes <= dead_letter_queue::page_bytes;
  });
  if (!read)
    return std::move(read.error());
  return lines;
}

} // namespace weir::sqlite
