#include <weir/mailbox/batch_points.hpp>
#include <weir/mailbox/partition_table.hpp>

#include <algorithm>
#include <utility>

namespace weir::internal {

batch_points::batch_points(const partition_table& all, std::uint32_t replay,
                           std::span<const origin> members, std::size_t rows)
    : changed_{members.size() != rows} {
  struct row {
    origin where;
    std::size_t index;
  };
  std::vector<row> sorted;
  sorted.reserve(members.size());
  for (std::size_t k = 0; k < members.size(); ++k)
    if (!members[k].empty() && !members[k].is_group() && members[k].partition() != replay)
      sorted.push_back({members[k], k});
  std::ranges::sort(sorted, {}, [](const row& one) { return one.where.word(); });
  std::uint32_t last = origin::partitions_max;
  for (const auto& one : sorted) {
    const auto& from = all.at(one.where.partition());
    if (std::exchange(last, one.where.partition()) != one.where.partition())
      parts_.push_back({&from, from.point(), {}});
    const auto position = one.where.position();
    parts_.back().members.push_back({position, one.index, from.shares_left(position)});
  }
}

std::vector<partition_point> batch_points::without(std::span<const std::size_t> rejected) const {
  const auto open = [&](std::size_t index) {
    return changed_ ? index < rejected.size() : std::ranges::binary_search(rejected, index);
  };
  std::vector<partition_point> points;
  points.reserve(parts_.size());
  for (const auto& one : parts_) {
    // Every share that is left must be among those of the batch: another copy may still be on its way.
    partition_point mine{.partition = {}, .position = 0, .beyond = {}, .epoch = 0};
    for (auto at = one.members.begin(); at != one.members.end();) {
      const auto position = at->position;
      const auto needed = at->shares_left;
      std::uint32_t stored = 0;
      for (; at != one.members.end() && at->position == position; ++at)
        if (!open(at->index))
          ++stored;
      if (stored < needed || stored == 0)
        continue;
      if (!mine.beyond.empty() && mine.beyond.back().last + 1 == position)
        mine.beyond.back().last = position;
      else
        mine.beyond.push_back({position, position});
    }
    auto& point = points.emplace_back(one.settled);
    add_settled(point, mine);
    one.from->mark(point);
  }
  return points;
}

} // namespace weir::internal
