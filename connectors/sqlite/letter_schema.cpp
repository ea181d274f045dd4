#include <weir/connectors/sqlite/letter_schema.hpp>
#include <weir/connectors/sqlite/rows.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace weir::sqlite {

namespace {

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
    // An extended table may have the default 'parked', which can't be changed: inserts name the state.
    column{"state", "TEXT NOT NULL DEFAULT 'kept'", false, "'kept'"},
    column{"claimed_by", "INTEGER", false, "NULL"},
    column{"edited_at", "TEXT", false, "NULL"},
};

constexpr auto letters_name = "dead_letters";
constexpr auto audit_name = "dead_letter_audit";
constexpr auto replaced_name = "dead_letter_replaced";
constexpr auto older_payload = "payload_before"; // a column that an older audit has

constexpr auto around_sql = R"(
CREATE INDEX IF NOT EXISTS dead_letters_in_order ON dead_letters(key, id);
CREATE INDEX IF NOT EXISTS dead_letters_under_way ON dead_letters(state, pipeline, key, id)
  WHERE state <> 'kept';
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

// --- what is there -----------------------------------------------------------------------------------

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

result<bool> any(database& where, const char* sql) {
  auto query = where.prepare(sql);
  if (!query)
    return std::move(query.error());
  return any_row(*query);
}

/// Is there an index of what is under way, that leaves out what is kept? An older one leaves out 'parked'.
result<bool> has_index(database& where) {
  return any(where, "SELECT 1 FROM main.sqlite_master WHERE type = 'index' AND name = "
                    "'dead_letters_under_way' AND instr(sql, 'state <> ''kept''') > 0");
}

/// Is it in the order in which letters are claimed? An older one knows their states alone, so that each claim would
/// look at all letters that were asked for.
result<bool> has_ordered_index(database& where) {
  return any(where, "SELECT 1 FROM main.sqlite_master WHERE type = 'index' AND name = "
                    "'dead_letters_under_way' AND instr(sql, '(state, pipeline, key, id)') > 0");
}

/// Are the states those of this version, in a table that has the column? The index comes first: without it the
/// second question would look at every letter.
result<bool> has_states(database& where) {
  auto indexed = has_index(where);
  if (!indexed || !*indexed)
    return indexed;
  auto older = any(where, older_state_sql);
  if (older)
    *older = !*older;
  return older;
}

result<bool> is_complete(database& where, const std::vector<std::string>& names) {
  if (!std::ranges::all_of(columns, [&](const auto& one) { return has(names, one.name); }))
    return false;
  if (auto audit = column_names(where, audit_name); !audit)
    return std::move(audit.error());
  else if (has(*audit, older_payload))
    return false;
  auto made = any(where, "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = "
                         "'dead_letters_removed'"); // is made last
  if (!made || !*made)
    return made;
  auto ordered = has_ordered_index(where);
  if (!ordered || !*ordered)
    return ordered;
  return has_states(where);
}

failure another_programs(const column& missing) {
  return fatal("table dead_letters has no column named " + std::string{missing.name}
               + ": it is another program's");
}

// --- making it ---------------------------------------------------------------------------------------

/// Makes the table of letters, or adds the columns that an older one has not.
result<void> make_letters(database& where) {
  auto names = column_names(where, letters_name);
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
  if (!names->empty())
    return {};
  return where.execute(create + "UNIQUE(pipeline, stage, source, position, part))");
}

/// Gives letters that an older program has put the state's new name. Its index goes, and is made anew later: or it
/// would hold every letter for a moment. So does one that is not in order.
result<void> rename_states(database& where) {
  auto indexed = has_ordered_index(where);
  if (!indexed)
    return std::move(indexed.error());
  if (!*indexed)
    if (auto dropped = where.execute("DROP INDEX IF EXISTS dead_letters_under_way"); !dropped)
      return dropped;
  return where.execute(
      "UPDATE dead_letters SET state = 'kept' WHERE state <> 'kept' AND state = 'parked'");
}

result<void> move_payloads_out_of_audit(database& where) {
  auto audit = column_names(where, audit_name);
  if (!audit)
    return std::move(audit.error());
  if (!has(*audit, older_payload))
    return {};
  return where.execute(out_of_audit_sql);
}

// --- showing it --------------------------------------------------------------------------------------

/// Makes a table of this connection alone, which has all columns where an older one has not.
result<void> show_as(database& where, const std::string& name, const std::string& rows) {
  return where.execute("PRAGMA temp_store = MEMORY; PRAGMA query_only = OFF; CREATE TEMP VIEW "
                       + name + " AS " + rows + "; PRAGMA query_only = ON");
}

result<void> show_letters(database& where) {
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
    const std::string name{one.name};
    const std::string value = !there ? one.where_missing
                              : name == "state"
                                  ? "CASE state WHEN 'parked' THEN 'kept' ELSE state END"
                                  : name;
    rows += (rows.empty() ? "SELECT " : ", ") + value + " AS " + name;
  }
  if (!older) {
    auto states = has_states(where);
    if (!states)
      return std::move(states.error());
    if (*states)
      return {};
  }
  return show_as(where, letters_name, rows + " FROM main.dead_letters");
}

/// Shows an audit without lines where there is none, and where it keeps the payloads itself, these as they are kept now.
result<void> show_audit(database& where) {
  auto audit = column_names(where, audit_name);
  if (!audit)
    return std::move(audit.error());
  if (audit->empty())
    if (auto shown = show_as(where, audit_name,
                             "SELECT 0 AS number, '' AS at, '' AS who, '' AS what, '' AS about, "
                             "'' AS outcome WHERE 0");
        !shown)
      return shown;
  auto replaced = column_names(where, replaced_name);
  if (!replaced)
    return std::move(replaced.error());
  if (!replaced->empty())
    return {};
  return show_as(where, replaced_name,
                 has(*audit, older_payload)
                     ? "SELECT number AS line, payload_before AS payload "
                       "FROM main.dead_letter_audit WHERE payload_before IS NOT NULL"
                     : "SELECT 0 AS line, NULL AS payload WHERE 0");
}

} // namespace

result<bool> has_letter_tables(database& where) {
  auto names = column_names(where, letters_name);
  if (!names)
    return std::move(names.error());
  return !names->empty();
}

result<void> make_letter_tables(database& where) {
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
  // Another may have been here meanwhile, so each of these looks again.
  if (auto made = make_letters(where); !made)
    return made;
  if (auto renamed = rename_states(where); !renamed)
    return renamed;
  if (auto made = where.execute(around_sql); !made)
    return made;
  if (auto moved = move_payloads_out_of_audit(where); !moved)
    return moved;
  return writing->commit();
}

result<void> show_letter_tables(database& where) {
  if (auto shown = show_letters(where); !shown)
    return shown;
  return show_audit(where);
}

} // namespace weir::sqlite
