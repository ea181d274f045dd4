#include <weir/supervision/restart_window.hpp>

namespace weir {

bool restart_window::add(std::size_t child, std::uint32_t count, time_point now) {
  for (std::uint32_t k = 0; k < count; ++k)
    charges_.push_back({child, now});
  return size(now) <= intensity_;
}

void restart_window::forgive(std::size_t child) {
  std::erase_if(charges_, [child](const charge& one) { return one.child == child; });
}

std::size_t restart_window::size(time_point now) {
  while (!charges_.empty() && now - charges_.front().at > period_)
    charges_.pop_front();
  return charges_.size();
}

} // namespace weir
