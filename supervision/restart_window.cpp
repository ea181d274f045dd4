#include <weir/supervision/restart_window.hpp>

namespace weir::internal {

bool restart_window::add(std::size_t child, std::uint32_t count, time_point now) {
  for (std::uint32_t k = 0; k < count; ++k)
    charges_.push_back({child, now});
  return size(now) <= intensity_;
}

void restart_window::pause(std::size_t child, std::chrono::nanoseconds delay) {
  for (auto& one : charges_)
    if (one.child == child)
      one.at += delay;
}

void restart_window::forgive(std::size_t child) {
  std::erase_if(charges_, [child](const charge& one) { return one.child == child; });
}

std::size_t restart_window::size(time_point now) {
  std::erase_if(charges_, [&](const charge& one) { return now - one.at > period_; });
  return charges_.size();
}

} // namespace weir::internal
