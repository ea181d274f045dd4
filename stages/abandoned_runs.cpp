#include <weir/stages/abandoned_runs.hpp>

namespace weir::internal {

void abandoned_runs::add(const std::shared_ptr<const item_run>& run, instant now) {
  const std::lock_guard lock{lock_};
  std::erase_if(runs_, [](const auto& one) { return one.over(); });
  runs_.push_back({now, run});
  ++ever_;
}

std::uint64_t abandoned_runs::ever() const {
  const std::lock_guard lock{lock_};
  return ever_;
}

std::vector<abandoned_runs::instant> abandoned_runs::since() const {
  std::vector<instant> since;
  const std::lock_guard lock{lock_};
  for (const auto& one : runs_)
    if (!one.over())
      since.push_back(one.since);
  return since;
}

bool abandoned_runs::abandoned_run::over() const {
  const auto still = run.lock();
  return !still || still->has_ended();
}

} // namespace weir::internal
