#include <weir/connectors/sqlite/claimed_letters.hpp>
#include <weir/connectors/sqlite/rows.hpp>

#include <optional>
#include <string>
#include <utility>

namespace weir::sqlite {

namespace {

constexpr auto claimed_sql =
    " WHERE state <> 'kept' AND state = 'replaying' AND ifnull(claimed_by, 0) = ?1";

/// Runs a statement with one number or two; how many rows it changed.
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

result<bool> claimed_letters::any_requested() {
  auto query = database_->prepare("SELECT 1 FROM dead_letters WHERE state <> 'kept' AND "
                                  "state = 'requested' LIMIT 1");
  if (!query)
    return std::move(query.error());
  return any_row(*query);
}

result<std::vector<std::uint64_t>> claimed_letters::claimants() {
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

result<void> claimed_letters::claim(std::uint64_t id, std::uint64_t claimant) {
  return nothing(run_with(*database_,
                          "UPDATE dead_letters SET state = 'replaying', claimed_by = ?1 WHERE "
                          "id = ?2 AND state = 'requested'",
                          claimant, id));
}

result<bool> claimed_letters::give_back(std::uint64_t id, std::uint64_t claimant,
                                        dead_letter_state as) {
  auto changes = run_with(*database_,
                          "UPDATE dead_letters SET claimed_by = NULL, state = '"
                              + std::string{to_string(as)} + "'" + claimed_sql + " AND id = ?2",
                          claimant, id);
  if (!changes)
    return std::move(changes.error());
  return *changes > 0;
}

result<void> claimed_letters::release_all(std::uint64_t claimant) {
  return nothing(run_with(*database_,
                          "UPDATE dead_letters SET state = 'requested', claimed_by = NULL"
                              + std::string{claimed_sql},
                          claimant));
}

result<bool> claimed_letters::remove(std::uint64_t id, std::uint64_t claimant) {
  auto changes =
      run_with(*database_, "DELETE FROM dead_letters" + std::string{claimed_sql} + " AND id = ?2",
               claimant, id);
  if (!changes)
    return std::move(changes.error());
  return *changes > 0;
}

} // namespace weir::sqlite
