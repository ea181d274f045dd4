#include <weir/dead_letters/cause_counts.hpp>

#include <algorithm>
#include <functional>

namespace weir::internal {

void cause_counts::add(const dead_letter& letter) {
  auto key = std::pair{letter.stage, cause_of(letter)};
  if (counts_.size() >= dead_letter_queue::causes_max && !counts_.contains(key))
    key.second = other_causes;
  ++counts_[key];
}

std::vector<dead_letter_count> cause_counts::by_frequency() const {
  std::vector<dead_letter_count> all;
  for (const auto& [key, number] : counts_)
    all.push_back({key.first, key.second, number});
  std::ranges::stable_sort(all, std::greater{}, &dead_letter_count::count);
  return all;
}

} // namespace weir::internal
