#include <weir/pipeline/running_pipeline.hpp>

#include <string>
#include <utility>

// What is changed of a pipeline while it runs.

namespace weir {

namespace {

failure refused(std::vector<std::string> why) {
  return {.kind = failure_kind::poison, .chain = std::move(why), .retry_after = {}};
}

} // namespace

result<internal::running_stage*> running_pipeline::find(std::string_view stage) {
  if (!started_)
    return transient("pipeline '" + name() + "' does not run");
  if (auto* const found = stages_.find(stage); found != nullptr)
    return found;
  std::string names;
  for (const auto& one : stages_.all())
    names += (names.empty() ? "'" : ", '") + one.described().name + "'";
  return poison("pipeline '" + name() + "' has no stage '" + std::string{stage} + "', but "
                + names);
}

/// Finds the stage, and what would be wrong with it if it had been built with what `change` makes of its options.
template <class Change>
result<internal::running_stage*> running_pipeline::checked(std::string_view stage, Change change) {
  auto found = find(stage);
  if (!found)
    return found;
  auto graph = plan_->graph;
  for (auto& one : graph.stages)
    if (one.name == stage) {
      one.options = (*found)->options();
      change(one.options);
    }
  if (auto problems = graph.problems(); !problems.empty())
    return refused(std::move(problems));
  return found;
}

result<void> running_pipeline::pause(std::string_view stage) {
  auto found = find(stage);
  if (!found)
    return std::move(found.error());
  (*found)->pause();
  // In this order: a drain that comes between lifts the pause itself.
  if (!services_.stopping.stop_requested())
    return {};
  (*found)->resume();
  return poison("pipeline '" + name() + "' drains or has ended: stage '" + std::string{stage}
                + "' can't be paused any more");
}

result<void> running_pipeline::resume(std::string_view stage) {
  auto found = find(stage);
  if (!found)
    return std::move(found.error());
  (*found)->resume();
  return {};
}

result<void> running_pipeline::set_rate(std::string_view stage, rate_limit limit) {
  auto found = checked(stage, [&](stage_options& one) { one.rate = limit; });
  if (!found)
    return std::move(found.error());
  (*found)->set_rate(limit, node_.now());
  return {};
}

result<void> running_pipeline::set_in_flight_max(std::string_view stage, std::uint32_t items) {
  auto found = checked(stage, [&](stage_options& one) { one.in_flight_max = items; });
  if (!found)
    return std::move(found.error());
  // Places for more items than that were never made.
  if (const auto most = (*found)->described().options.in_flight_max; items > most)
    return poison("stage '" + std::string{stage} + "': in_flight_max must be 1 to "
                  + std::to_string(most) + ", with which it was built, not "
                  + std::to_string(items));
  (*found)->set_in_flight_max(items);
  return {};
}

result<void> running_pipeline::set_retry_attempts(std::string_view stage, std::uint32_t runs) {
  auto found = checked(stage, [&](stage_options& one) { one.retry.attempts = runs; });
  if (!found)
    return std::move(found.error());
  (*found)->set_attempts(runs);
  return {};
}

result<void> running_pipeline::set_timeout(std::string_view stage, std::chrono::milliseconds time) {
  auto found = checked(stage, [&](stage_options& one) { one.timeout = time; });
  if (!found)
    return std::move(found.error());
  (*found)->set_timeout(time);
  return {};
}

result<void> running_pipeline::set_item_time_max(std::string_view stage,
                                                 std::chrono::milliseconds time) {
  auto found = checked(stage, [&](stage_options& one) { one.item_time_max = time; });
  if (!found)
    return std::move(found.error());
  const auto built_with = (*found)->described().options.item_time_max;
  if ((time.count() == 0) != (built_with.count() == 0))
    return poison("stage '" + std::string{stage} + "' was built "
                  + (time.count() == 0 ? "with" : "without")
                  + " an item_time_max, which can only be changed to another time");
  (*found)->set_item_time_max(time);
  return {};
}

} // namespace weir
