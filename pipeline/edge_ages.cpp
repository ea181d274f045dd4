#include <weir/pipeline/edge_ages.hpp>

#include <algorithm>
#include <chrono>
#include <iterator>

namespace weir::internal {

void edge_ages::tell(std::vector<edge_view>& edges, time_point before, time_point after) {
  const std::lock_guard guard{lock_};
  edges_.resize(std::max(edges_.size(), edges.size()));
  for (std::size_t k = 0; k < edges.size(); ++k) {
    auto& edge = edges[k];
    auto& all = edges_[k];
    // The first item that was not taken out has the number `read`, if we count from 0.
    const auto later = std::ranges::upper_bound(all, edge.read, {}, &look::written);
    if (edge.backlog() > 0) {
      if (later != all.end())
        edge.oldest_at_least = std::max(time_point::duration{0}, before - later->first);
      if (later != all.begin())
        edge.oldest_at_most = std::max(time_point::duration{0}, after - std::prev(later)->last);
    }
    remember(all, {edge.written, after, before});
    forget(all, edge.read);
  }
}

/// Somebody who looked at the same time may have been quicker: what he saw later says more.
void edge_ages::remember(looks& all, const look& one) {
  if (all.empty() || all.back().written < one.written) {
    all.push_back(one);
  } else if (all.back().written == one.written) {
    all.back().first = std::min(all.back().first, one.first);
    all.back().last = std::max(all.back().last, one.last);
  }
}

/// Of those that say nothing of an item that is still there, only the last one says how old the next may be at most.
void edge_ages::forget(looks& all, std::uint64_t read) {
  const auto later = std::ranges::upper_bound(all, read, {}, &look::written);
  if (later != all.begin())
    all.erase(all.begin(), std::prev(later));
  while (all.size() > looks_max) {
    auto least =
        std::next(all.begin()); // between two others: without it their distance is the least
    for (auto one = least; std::next(one) != all.end(); ++one)
      if (std::next(one)->first - std::prev(one)->last
          < std::next(least)->first - std::prev(least)->last)
        least = one;
    all.erase(least);
  }
}

} // namespace weir::internal
