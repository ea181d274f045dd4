#include "pauses.hpp"

#include <algorithm>

namespace simulation {

bool pauses::begin(const std::string& stage) {
  if (taken_.contains(stage) || !pipeline_.pause(stage))
    return false;
  taken_[stage] = taken(stage);
  return true;
}

std::string pauses::end_all() {
  std::string wrong;
  for (const auto& [name, before] : taken_) {
    const auto all = pipeline_.view().stages;
    const auto& stage = *std::ranges::find(all, name, &weir::stage_view::stage);
    // One that is in hand, and one that is done and waits for the one before it to leave.
    const auto in_hand = 2 * stage.workers.size();
    // Several in hand may all have been taken before.
    if (const auto now = taken(name);
        stage.paused && stage.in_flight_max == 1 && now - before > in_hand)
      wrong = "paused: " + name + " took " + std::to_string(now - before) + " items";
    static_cast<void>(pipeline_.resume(name));
  }
  taken_.clear();
  return wrong;
}

std::uint64_t pauses::taken(const std::string& stage) const {
  const auto all = pipeline_.view();
  const auto found = std::ranges::find(all.stages, stage, &weir::stage_view::stage);
  const auto index = static_cast<std::size_t>(found - all.stages.begin());
  std::uint64_t items = 0;
  for (const auto& edge : all.edges)
    if (edge.to == index)
      items += edge.read;
  return items;
}

} // namespace simulation
