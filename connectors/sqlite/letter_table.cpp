#include <weir/connectors/sqlite/letter_filter_sql.hpp>
#include <weir/connectors/sqlite/letter_row.hpp>
#include <weir/connectors/sqlite/letter_table.hpp>
#include <weir/connectors/sqlite/rows.hpp>
#include <weir/supervision/utc.hpp>

#include <utility>
#include <variant>

namespace weir::sqlite {

namespace {

void bind(statement& to, int parameter, const std::string& value) {
  to.bind_text(parameter, value);
}
void bind(statement& to, int parameter, std::int64_t value) { to.bind_integer(parameter, value); }

result<statement> prepared(database& in, const std::string& sql, const letter_filter_sql& which) {
  auto made = in.prepare(sql);
  int parameter = 1;
  if (made)
    for (const auto& one : which.values())
      std::visit([&](const auto& value) { bind(*made, parameter++, value); }, one);
  return made;
}

result<void> run(database& in, const std::string& sql, const letter_filter_sql& which) {
  auto made = prepared(in, sql, which);
  if (!made)
    return std::move(made.error());
  return made->run();
}

} // namespace

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
  letter_filter_sql which{filter};
  which.behind(after);
  auto query = prepared(
      *database_, "SELECT " + std::string{letter_columns} + " FROM dead_letters" + which.where(max),
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
  const letter_filter_sql which{filter};
  auto query = prepared(*database_,
                        "SELECT stage, ifnull(iif(json_valid(chain), chain ->> 0, NULL), 'no cause "
                        "was given') AS why, count(*) AS letters "
                        "FROM (SELECT stage, chain FROM dead_letters"
                            + which.where(filter.limit)
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
  const letter_filter_sql which{filter};
  const auto too_often =
      terms.forced ? "0" : "replay_count >= " + std::to_string(terms.replays_max);
  auto query = prepared(*database_,
                        "SELECT state <> 'kept', " + too_often
                            + ", count(*) FROM (SELECT state, replay_count FROM dead_letters"
                            + which.where(filter.limit) + ") GROUP BY 1, 2",
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
  const letter_filter_sql which{filter};
  auto sql = "UPDATE dead_letters SET state = 'requested' WHERE state = 'kept' AND "
             + which.chosen(filter.limit);
  if (!terms.forced)
    sql += " AND replay_count < " + std::to_string(terms.replays_max);
  return run(*database_, sql, which);
}

result<std::uint64_t> letter_table::set_kept(const dead_letter_filter& filter) {
  letter_filter_sql which{filter};
  which.and_also("state <> 'kept' AND state = 'requested'"); // of these the first so many
  if (auto done =
          run(*database_,
              "UPDATE dead_letters SET state = 'kept' WHERE " + which.chosen(filter.limit), which);
      !done)
    return std::move(done.error());
  return static_cast<std::uint64_t>(database_->changes());
}

result<std::uint64_t> letter_table::remove(const dead_letter_filter& filter) {
  letter_filter_sql which{filter};
  which.and_also("state <> 'replaying'");
  if (auto done =
          run(*database_, "DELETE FROM dead_letters WHERE " + which.chosen(filter.limit), which);
      !done)
    return std::move(done.error());
  return static_cast<std::uint64_t>(database_->changes());
}

} // namespace weir::sqlite
