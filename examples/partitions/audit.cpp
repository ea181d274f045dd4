#include "audit.hpp"
#include "record_log.hpp"

#include <set>
#include <string_view>
#include <utility>

namespace {

weir::result<std::uint64_t> number_from(weir::sqlite::database& in, std::string_view sql) {
  auto query = in.prepare(sql);
  if (!query)
    return std::move(query.error());
  auto row = query->step();
  if (!row)
    return std::move(row.error());
  return *row ? static_cast<std::uint64_t>(query->integer(0)) : 0;
}

/// The ids of the records that are dead letters. Counts those that are there again.
weir::result<std::set<std::uint64_t>> letters_in(const std::string& path, audit& into) {
  auto file = weir::sqlite::database::open(path);
  if (!file)
    return std::move(file.error());
  auto query = file->prepare("SELECT source, position FROM dead_letters");
  if (!query)
    return std::move(query.error());
  std::set<std::uint64_t> ids;
  for (;;) {
    auto found = query->step();
    if (!found)
      return std::move(found.error());
    if (!*found)
      return ids;
    const auto source = query->text(0);
    if (!source.starts_with("log-"))
      ++into.unknown;
    else if (const auto one =
                 record_at(partition_of(source), static_cast<std::uint64_t>(query->integer(1)));
             !ids.insert(one.id()).second)
      ++into.dead_letters_again;
  }
}

} // namespace

weir::result<std::uint64_t> rows_in(const std::string& store) {
  auto file = weir::sqlite::database::open(store);
  if (!file)
    return std::move(file.error());
  return number_from(*file, "SELECT count(*) FROM records");
}

weir::result<audit> audit_of(const std::string& store, const std::string& dead_letters,
                             std::uint64_t records) {
  audit told;
  auto letters = letters_in(dead_letters, told);
  if (!letters)
    return std::move(letters.error());
  told.dead_letters = letters->size();

  auto file = weir::sqlite::database::open(store);
  if (!file)
    return std::move(file.error());
  auto again = number_from(*file, "SELECT count(*) FROM stored_again");
  if (!again)
    return std::move(again.error());
  told.stored_again = *again;

  auto rows = file->prepare("SELECT id, value FROM records ORDER BY id");
  if (!rows)
    return std::move(rows.error());
  const auto next_row = [&]() -> weir::result<bool> {
    auto found = rows->step();
    if (found && *found)
      ++told.rows;
    return found;
  };
  auto row = next_row();
  for (std::size_t partition = 0; partition < partitions_count; ++partition)
    for (std::uint64_t number = 1; number <= records_of(partition, records); ++number) {
      const auto one = record_at(partition, number);
      for (; row && *row && static_cast<std::uint64_t>(rows->integer(0)) < one.id();
           row = next_row())
        ++told.unknown;
      if (!row)
        return std::move(row.error());
      const bool is_letter = letters->erase(one.id()) > 0;
      const bool is_row = *row && static_cast<std::uint64_t>(rows->integer(0)) == one.id();
      if (is_letter && is_row)
        ++told.both;
      else if (!is_letter && !is_row)
        ++told.missing;
      else if (is_letter != is_broken(one)
               || (is_row && static_cast<std::uint64_t>(rows->integer(1)) != worked(one)))
        ++told.wrong;
      if (is_row)
        row = next_row();
    }
  for (; row && *row; row = next_row())
    ++told.unknown;
  if (!row)
    return std::move(row.error());
  told.unknown += letters->size();
  return told;
}
