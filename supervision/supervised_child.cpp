#include <weir/supervision/supervised_child.hpp>

namespace weir::internal {

std::optional<std::chrono::milliseconds> supervised_child::time_to_stop() const {
  const auto way = way_to_stop();
  if (way.how != shutdown::kind::infinite)
    return way.time;
  const bool was_there = why == started_for::restart;
  if (spec.shutdown || !spec.stop_time || !was_there)
    return std::nullopt;
  return spec.stop_time();
}

} // namespace weir::internal
