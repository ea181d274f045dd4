#include <weir/node/run_end.hpp>

#include <algorithm>
#include <string>

namespace weir::internal {

using namespace std::chrono_literals;

namespace {

/// How long the workers may take to obey an abort: a worker in a blocking call can't be interrupted.
constexpr auto abort_timeout = 5s;

bool has_failed(const std::unique_ptr<running_pipeline>& one) { return !one->why().chain.empty(); }

} // namespace

bool run_end::all_ended() const { return trees_.all_ended() && pipelines_ended(); }

bool run_end::pipelines_ended() const {
  return std::ranges::all_of(
      running_, [this](const auto& one) { return one->wait_until(clock_.now()).has_value(); });
}

/// Does one still run that neither failed nor was aborted?
bool run_end::any_healthy() const {
  return trees_.any_healthy() || std::ranges::any_of(running_, [this](const auto& one) {
           return !has_failed(one) && !one->wait_until(clock_.now());
         });
}

std::optional<failure> run_end::failed() const {
  if (failed_ || aborting_)
    return failed_;
  auto first = first_failed();
  return first ? std::optional{std::move(first->why)} : std::nullopt;
}

std::optional<run_end::trouble> run_end::first_failed() const {
  if (const auto first = std::ranges::find_if(running_, has_failed); first != running_.end())
    return trouble{"pipeline", (*first)->name(), (*first)->why()};
  if (auto tree = trees_.failed())
    return trouble{"tree", std::move(tree->tree), std::move(tree->why)};
  return std::nullopt;
}

void run_end::drain_all() {
  draining_ = true;
  const auto now = clock_.now();
  deadline_ = now + drain_timeout_;
  pipelines_due_ = now + drain_timeout_ / 2;
  trees_.stop();
  if (trees_.all_ended())
    drain_pipelines();
}

void run_end::drain_pipelines() {
  pipelines_due_.reset();
  for (const auto& one : running_)
    one->drain();
}

/// Their supervisors would run on without children.
void run_end::stop_idle_trees() {
  if (deadline_ || trees_.all_ended() || !trees_.nothing_left() || !pipelines_ended())
    return;
  deadline_ = clock_.now() + drain_timeout_;
  trees_.stop();
}

void run_end::abort_all() {
  aborting_ = true;
  deadline_ = clock_.now() + abort_timeout;
  pipelines_due_.reset();
  trees_.kill();
  for (const auto& one : running_)
    one->abort();
}

void run_end::on_signal(const stop_signal& told) {
  if (!draining_) {
    log_.write(
        log::level::info, "draining",
        {{"signal", told.name}, {"drain_timeout_ms", std::to_string(drain_timeout_.count())}});
    drain_all();
  } else if (!aborting_ && told.again) {
    log_.write(log::level::warning, "aborting", {{"signal", told.name}});
    abort_all();
  } else if (!aborting_ && told.first) { // a failure has begun the drain
    log_.write(log::level::info, "draining already; once more aborts", {{"signal", told.name}});
  }
}

/// A pipeline that fails aborts itself. The others are drained, and only then may anything be taken for stuck.
void run_end::look_for_failures() {
  if (aborting_)
    return;
  if (!failed_) {
    auto first = first_failed();
    if (!first)
      return;
    failed_ = std::move(first->why);
    if (!draining_ && any_healthy()) {
      log_.write(log::level::error,
                 "a " + std::string{first->kind} + " failed: draining the others",
                 {{first->kind, first->name},
                  {"drain_timeout_ms", std::to_string(drain_timeout_.count())},
                  {"why", failed_->message()}});
      drain_all();
    }
  }
  if (!any_healthy()) // a worker in a blocking call may not hear that it is over
    abort_all();
}

std::optional<std::chrono::milliseconds> run_end::advance(std::chrono::milliseconds wait) {
  look_for_failures();
  stop_idle_trees();
  if (!deadline_)
    return wait;
  const auto now = clock_.now();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - now);
  if (pipelines_due_ && (now >= *pipelines_due_ || trees_.all_ended()))
    drain_pipelines();
  if (pipelines_due_)
    wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(*pipelines_due_ - now));
  if (left > 0ms)
    return std::min(wait, left);
  if (aborting_) {
    stuck_ = true;
    return std::nullopt;
  }
  log_.write(log::level::warning, "the drain took too long: aborting",
             {{"drain_timeout_ms", std::to_string(drain_timeout_.count())}});
  abort_all();
  return 0ms; // it may be over with that
}

} // namespace weir::internal
