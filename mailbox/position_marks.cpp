#include <weir/mailbox/position_marks.hpp>

#include <algorithm>

namespace weir::internal {

void position_marks::begin(const position_mark& behind) {
  const std::lock_guard lock{lock_};
  marks_.clear();
  if (!behind.empty())
    marks_.push_back(behind);
}

void position_marks::add(std::span<const position_mark> fresh, std::uint64_t prefix) {
  const std::lock_guard lock{lock_};
  while (marks_.size() > 1 && marks_.front().position + kept_before < prefix)
    marks_.pop_front();
  marks_.insert(marks_.end(), fresh.begin(), fresh.end());
}

position_mark position_marks::at(std::uint64_t position) const {
  const std::lock_guard lock{lock_};
  const auto found = std::ranges::lower_bound(marks_, position, {}, &position_mark::position);
  return found != marks_.end() && found->position == position ? *found : position_mark{};
}

} // namespace weir::internal
