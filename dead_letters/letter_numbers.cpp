#include <weir/dead_letters/letter_numbers.hpp>

#include <algorithm>

namespace weir::internal {

std::uint32_t letter_numbers::next(const std::string& stage, const resume_point& read_at,
                                   std::uint32_t part) {
  const std::lock_guard lock{lock_};
  // What was read nowhere is never settled: counted apart, it would never be forgotten.
  if (read_at.partition.empty())
    return made_[{stage, {}, 0, 0}]++;
  if (made_.size() >= forget_at_)
    forget_settled();
  return made_[{stage, read_at.partition, read_at.position, part}]++;
}

void letter_numbers::forget(const std::string& partition) {
  const std::lock_guard lock{lock_};
  std::erase_if(made_, [&](const auto& one) { return std::get<1>(one.first) == partition; });
}

void letter_numbers::forget_settled() {
  std::map<std::string, std::uint64_t> settled;
  for (auto& point : books_.settled_prefixes())
    settled[point.partition] = point.position;
  std::erase_if(made_, [&](const auto& one) {
    const auto& [stage, partition, position, part] = one.first;
    const auto there = settled.find(partition);
    return there != settled.end() && position <= there->second;
  });
  forget_at_ = std::max(forget_at_least, 2 * made_.size());
}

} // namespace weir::internal
