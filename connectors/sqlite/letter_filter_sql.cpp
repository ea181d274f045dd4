#include <weir/connectors/sqlite/letter_filter_sql.hpp>
#include <weir/supervision/utc.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include <nlohmann/json.hpp>

namespace weir::sqlite {

namespace {

// Where databases differ in their words, these are SQLite's.
constexpr auto id_among_sql = "id IN (SELECT value FROM json_each(?))"; // of a JSON array
// That source, or one life of it: with "@" and 16 digits behind.
constexpr auto is_of_source_sql = "? IN (source, CASE WHEN substr(source, -17, 1) = '@' THEN "
                                  "substr(source, 1, length(source) - 17) END)";
constexpr auto cause_has_sql = "instr(cause, ?) > 0";

/// Times are kept in whole milliseconds.
std::string rounded_up(std::chrono::system_clock::time_point when) {
  return utc_text(std::chrono::ceil<std::chrono::milliseconds>(when));
}

} // namespace

letter_filter_sql::letter_filter_sql(const dead_letter_filter& filter) {
  if (!filter.ids.empty())
    add(id_among_sql, nlohmann::json(filter.ids).dump());
  // Letters are read in the order of the index of keys, and those under way in that of theirs. No other index is to be
  // chosen, as its letters would be sorted for every page: what has a "+" is looked up in none.
  const bool under_way = filter.state && *filter.state != dead_letter_state::kept;
  equal(under_way ? "pipeline" : "+pipeline", filter.pipeline);
  equal("+stage", filter.stage);
  if (!filter.source.empty())
    add(is_of_source_sql, filter.source);
  if (!filter.cause.empty())
    add(cause_has_sql, filter.cause);
  if (filter.kind)
    add("kind = ?", std::string{to_string(*filter.kind)});
  if (filter.key)
    add("key = ?", *filter.key);
  if (filter.state) {
    add("state = ?", std::string{to_string(*filter.state)});
    if (under_way)
      and_also("state <> 'kept'"); // the words of the index
  }
  if (filter.since)
    add("last_failed_at >= ?", rounded_up(*filter.since));
  if (filter.until)
    add("last_failed_at < ?", rounded_up(*filter.until));
}

void letter_filter_sql::and_also(const char* sql) { sql_ += std::string{" AND "} + sql; }

void letter_filter_sql::behind(const dead_letter_cursor& cursor) {
  add("(key, id) > (?, ?)", cursor.key);
  values_.emplace_back(static_cast<std::int64_t>(cursor.id));
}

std::string letter_filter_sql::where(std::uint64_t limit) const {
  auto text = " WHERE " + sql_ + " ORDER BY key, id";
  if (limit > 0)
    text += " LIMIT " + std::to_string(std::min<std::uint64_t>(limit, INT64_MAX));
  return text;
}

std::string letter_filter_sql::chosen(std::uint64_t limit) const {
  return "id IN (SELECT id FROM dead_letters" + where(limit) + ")";
}

void letter_filter_sql::equal(const char* name, const std::string& is) {
  if (!is.empty())
    add(name + std::string{" = ?"}, is);
}

void letter_filter_sql::add(const std::string& sql, value one) {
  sql_ += " AND " + sql;
  values_.push_back(std::move(one));
}

} // namespace weir::sqlite
