#include <weir/connectors/sqlite/letter_numbers.hpp>
#include <weir/connectors/sqlite/rows.hpp>

#include <string>
#include <utility>

namespace weir::sqlite {

namespace {

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

result<std::uint64_t> next_letter_id(database& in) {
  return next_number(in, "id", "(SELECT ifnull(max(id), 0) FROM dead_letters)");
}

result<std::uint64_t> next_claimant(database& in) {
  return next_number(in, "claimant", "(SELECT ifnull(max(claimed_by), 0) FROM dead_letters)");
}

} // namespace weir::sqlite
