#include <weir/connectors/sqlite/letter_numbers.hpp>
#include <weir/connectors/sqlite/rows.hpp>

#include <string>
#include <utility>

namespace weir::sqlite {

namespace {

failure damaged(const char* name) {
  return fatal("the file is damaged: table dead_letter_numbers has no next " + std::string{name});
}

} // namespace

result<std::uint64_t> letter_ids::next() {
  if (!last_) {
    auto query =
        database_->prepare("SELECT max(last, (SELECT ifnull(max(id), 0) FROM dead_letters)) "
                           "FROM dead_letter_numbers WHERE name = 'id'");
    if (!query)
      return std::move(query.error());
    auto there = query->step();
    if (!there)
      return std::move(there.error());
    if (!*there || query->integer(0) < 0)
      return damaged("id");
    last_ = static_cast<std::uint64_t>(query->integer(0));
  }
  if (*last_ >= INT64_MAX)
    return damaged("id");
  return ++*last_;
}

result<void> letter_ids::keep() {
  if (!last_)
    return {};
  auto query = database_->prepare("UPDATE dead_letter_numbers SET last = ?1 WHERE name = 'id'");
  if (!query)
    return std::move(query.error());
  query->bind_integer(1, static_cast<std::int64_t>(*last_));
  return query->run();
}

result<std::uint64_t> next_claimant(database& in) {
  auto query =
      in.prepare("UPDATE dead_letter_numbers SET last = 1 + max(last, (SELECT "
                 "ifnull(max(claimed_by), 0) FROM dead_letters WHERE state <> 'kept' AND state = "
                 "'replaying')) WHERE name = 'claimant' RETURNING last");
  if (!query)
    return std::move(query.error());
  auto number = one_number(*query);
  if (number && (*number == 0 || *number > INT64_MAX))
    return damaged("claimant");
  return number;
}

} // namespace weir::sqlite
