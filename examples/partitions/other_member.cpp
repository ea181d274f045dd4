#include "other_member.hpp"

#include <array>
#include <span>
#include <utility>
#include <vector>

namespace {

/// Records behind the point, up to one that is broken: this member has nowhere to put that.
std::vector<record> records_behind(const weir::partition_point& from, std::size_t partition,
                                   std::uint64_t last, std::size_t max) {
  std::vector<record> found;
  for (auto number = from.position + 1; number <= last && found.size() < max; ++number) {
    if (weir::is_settled(from, number))
      continue;
    auto one = record_at(partition, number);
    if (is_broken(one))
      break;
    one.value = worked(one);
    found.push_back(one);
  }
  return found;
}

weir::partition_point point_behind(weir::partition_point from, const std::vector<record>& stored) {
  weir::partition_point more{.partition = from.partition};
  for (const auto& one : stored) {
    if (!more.beyond.empty() && more.beyond.back().last + 1 == one.number)
      more.beyond.back().last = one.number;
    else
      more.beyond.push_back({one.number, one.number});
  }
  weir::add_settled(from, more);
  return from;
}

} // namespace

weir::result<std::uint64_t> other_member::work_on(std::size_t partition, std::size_t records_max) {
  const std::array names{name_of(partition)};
  auto claimed = positions_.claim(std::string{pipeline_name}, names);
  if (!claimed)
    return std::move(claimed.error());
  auto stored = store(partition, claimed->front(), records_max);
  if (stored)
    return *stored;
  if (stored.error().kind != weir::failure_kind::transient)
    trouble_ = stored.error().message();
  return std::uint64_t{0}; // it is claimed all the same
}

weir::result<std::uint64_t> other_member::store(std::size_t partition,
                                                const weir::partition_point& from,
                                                std::size_t records_max) {
  const auto rows = records_behind(from, partition, records_of(partition, records_), records_max);
  if (rows.empty())
    return std::uint64_t{0};
  if (!writer_) {
    auto opened = weir::sqlite::table_writer::open(record_table(store_));
    if (!opened)
      return std::move(opened.error());
    writer_.emplace(std::move(*opened));
  }
  auto outcome = writer_->store(
      rows.size(), [&](std::size_t k, weir::sqlite::row& row) { fill_row(rows[k], row); },
      pipeline_name,
      [&](std::span<const std::size_t>) {
        return std::vector{point_behind(from, rows)}; // its table rejects nothing
      });
  if (!outcome)
    return std::move(outcome.error());
  if (!outcome->fenced.empty())
    return std::uint64_t{0};
  return rows.size() - outcome->filtered.size() - outcome->rejected.size();
}
