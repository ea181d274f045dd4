#include <weir/mailbox/require.hpp>
#include <weir/supervision/start_schedule.hpp>

namespace weir::internal {

void start_schedule::wait(child_key child, time_point due) {
  require(others_.emplace(child, due).second, "start_schedule: the child waits already");
  others_due_.insert({due, child});
}

void start_schedule::forget(child_key child) {
  firsts_.erase(child);
  if (const auto found = others_.find(child); found != others_.end()) {
    others_due_.erase({found->second, child});
    others_.erase(found);
  }
}

std::optional<start_schedule::entry> start_schedule::first_in_order() const {
  const auto first = firsts_.begin();
  const auto other = others_.begin();
  if (first == firsts_.end() && other == others_.end())
    return std::nullopt;
  const bool is_first =
      other == others_.end() || (first != firsts_.end() && first->first < other->first);
  const auto& [child, due] = is_first ? *first : *other;
  return entry{child, due};
}

std::optional<child_key> start_schedule::first_of_all() const {
  return firsts_.empty() ? std::nullopt : std::optional{firsts_.begin()->first};
}

std::vector<child_key> start_schedule::due(time_point now) const {
  std::vector<child_key> ready;
  for (const auto& [at, child] : others_due_) {
    if (at > now)
      break;
    ready.push_back(child);
  }
  return ready;
}

std::optional<time_point> start_schedule::next_due() const {
  return others_due_.empty() ? std::nullopt : std::optional{others_due_.begin()->first};
}

} // namespace weir::internal
