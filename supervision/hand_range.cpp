#include <weir/supervision/hand_range.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

namespace weir::internal {

void join(std::vector<hand_range>& ranges) {
  std::ranges::sort(ranges, {}, [](const hand_range& one) {
    return std::tuple{one.stage, one.partition, one.first};
  });
  std::vector<hand_range> joined;
  for (auto& one : ranges) {
    auto* before = joined.empty() ? nullptr : &joined.back();
    if (before != nullptr && before->stage == one.stage && before->partition == one.partition
        && one.first <= before->last + 1)
      before->last = std::max(before->last, one.last);
    else
      joined.push_back(std::move(one));
  }
  ranges.swap(joined);
}

bool is_one_item(const std::vector<hand_range>& in_hand) {
  return in_hand.size() == 1 && in_hand.front().first == in_hand.front().last;
}

std::string in_hand_text(const std::vector<hand_range>& in_hand, std::size_t size) {
  std::string text;
  for (std::size_t k = 0; k < in_hand.size(); ++k) {
    const auto& one = in_hand[k];
    auto more = (text.empty() ? "" : "; ") + one.text + ":" + std::to_string(one.first);
    if (one.last > one.first)
      more += "-" + std::to_string(one.last);
    const auto rest = "; and " + std::to_string(in_hand.size() - k) + " more";
    if (text.size() + more.size() + rest.size() > size)
      return text.empty() ? std::to_string(in_hand.size()) + " positions" : text + rest;
    text += more;
  }
  return text;
}

} // namespace weir::internal
