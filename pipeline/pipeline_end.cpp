#include <weir/pipeline/pipeline_end.hpp>

#include <utility>

namespace weir::internal {

void pipeline_end::fail(failure why) {
  const std::lock_guard lock{lock_};
  if (!why_)
    why_ = std::move(why);
}

void pipeline_end::fail_to_start(failure why) {
  const std::lock_guard lock{lock_};
  why_ = std::move(why);
}

bool pipeline_end::fail_by_abort() {
  const std::lock_guard lock{lock_};
  if (workers_finished_)
    return false;
  if (!why_)
    why_ = fatal("aborted");
  return true;
}

void pipeline_end::workers_finished() {
  const std::lock_guard lock{lock_};
  workers_finished_ = true;
  changed_.notify_all();
}

void pipeline_end::everything_stopped() {
  const std::lock_guard lock{lock_};
  stopped_ = true;
}

bool pipeline_end::workers_have_finished() const {
  const std::lock_guard lock{lock_};
  return workers_finished_;
}

bool pipeline_end::has_stopped() const {
  const std::lock_guard lock{lock_};
  return stopped_;
}

bool pipeline_end::has_failed() const {
  const std::lock_guard lock{lock_};
  return why_.has_value();
}

failure pipeline_end::why() const {
  const std::lock_guard lock{lock_};
  return why_.value_or(failure{});
}

bool pipeline_end::wait_for_workers(std::optional<time_point> deadline) {
  std::unique_lock lock{lock_};
  return node_.wait(lock, changed_, deadline, [this] { return workers_finished_; });
}

} // namespace weir::internal
