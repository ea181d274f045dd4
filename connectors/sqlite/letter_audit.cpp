#include <weir/connectors/sqlite/letter_audit.hpp>
#include <weir/connectors/sqlite/letter_row.hpp>
#include <weir/connectors/sqlite/rows.hpp>
#include <weir/supervision/utc.hpp>
#include <weir/supervision/utf8.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::sqlite {

result<void> letter_audit::note(const dead_letter_audit& line) {
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

result<void> letter_audit::note_edit(const dead_letter& before, const std::string& payload,
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

result<std::vector<dead_letter_audit>> letter_audit::read(std::uint64_t after, std::uint64_t max) {
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
                     read_utc(row.text(1)).value_or(std::chrono::system_clock::time_point{}),
                     row.text(2), row.text(3), row.text(4), row.text(5)});
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
