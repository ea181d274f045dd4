#include <weir/actors/runtime.hpp>
#include <weir/dead_letters/store_answer.hpp>
#include <weir/pipeline/position_keeper.hpp>
#include <weir/stages/position_store.hpp>

#include <chrono>
#include <cstddef>
#include <utility>

namespace weir::internal {

using namespace std::chrono_literals;

position_keeper::position_keeper(pipeline_services& services,
                                 std::function<void(std::optional<failure>)> finished)
    : actor{"positions"}, services_{services}, finished_{std::move(finished)} {}

void position_keeper::close() {
  auto none = order::none;
  order_.compare_exchange_strong(none, order::close);
  wake();
}

void position_keeper::abort() {
  order_ = order::abort;
  wake();
}

activity position_keeper::turn() {
  const auto told = order_.load();
  if (told == order::abort)
    return activity::finished();
  const auto points = news();
  const auto done = points.empty() ? result<void>{} : store(points);
  if (done && told == order::close)
    return activity::finished();
  return activity::asleep(services_.node.now() + 1s);
}

/// A look at all partitions: once a second.
std::vector<partition_point> position_keeper::news() {
  std::vector<partition_point> points;
  told_.clear();
  services_.books.partitions().each([&](std::uint32_t index, const partition& one) {
    if (one.epoch() == 0)
      return;
    const auto position = one.prefix_with({});
    // In this order: what was returned counts as settled, but for nobody else.
    if (one.fenced() || one.now_is() == partition::state::closed)
      return;
    auto& known = stored_[index];
    if (known.epoch == one.epoch() && known.position == position)
      return;
    one.mark(points.emplace_back(partition_point{
        .partition = one.name(), .position = position, .beyond = {}, .epoch = one.epoch()}));
    told_.push_back(index);
  });
  return points;
}

result<void> position_keeper::store(const std::vector<partition_point>& points) {
  auto fenced =
      store_answer([&] { return services_.positions->store(services_.pipeline, points); });
  if (!fenced)
    return std::move(fenced.error());
  for (const auto& name : *fenced)
    services_.books.fence(name);
  for (std::size_t k = 0; k < points.size(); ++k)
    stored_[told_[k]] = {points[k].epoch, points[k].position};
  return {};
}

} // namespace weir::internal
