#include <weir/node/pipeline_news.hpp>

#include <chrono>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace weir::internal {

using namespace std::chrono_literals;

namespace {

/// Lines about failed workers a second; more are only counted. A poison flood must not become a log flood.
constexpr rate_limit failure_lines{.permits = 5, .per = 1s, .burst = 20};

/// Lines about children that the node's thread has not logged yet; more are only counted.
constexpr std::size_t child_lines_max = 1000;

std::string_view sentence(child_event::kind what, bool restarted) {
  switch (what) {
  case child_event::kind::started:
    return restarted ? "child restarted" : "child started";
  case child_event::kind::ignored:
    return "child not needed";
  case child_event::kind::ended:
    return "child ended";
  case child_event::kind::failed:
    return "child failed";
  case child_event::kind::killed:
    return "child killed";
  case child_event::kind::abandoned:
    return "child abandoned";
  case child_event::kind::escalated:
    return "its supervisor escalates";
  case child_event::kind::shut_down:
    return "its supervisor shuts down";
  }
  return "child";
}

log::level level_of(child_event::kind what) {
  using enum child_event::kind;
  if (what == escalated)
    return log::level::error;
  return what == failed || what == killed || what == abandoned ? log::level::warning
                                                               : log::level::info;
}

} // namespace

pipeline_news::pipeline_news(token_bucket::time_point now)
    : wakes_{::eventfd(0, EFD_CLOEXEC), "eventfd"},
      failure_permits_{failure_lines, now - 10s} {} // so the burst is there from the beginning

void pipeline_news::worker_failed(const failure& why, token_bucket::time_point now) {
  const std::lock_guard guard{lock_};
  if (failure_permits_.take(1, now) == 0)
    ++failures_left_out_;
  else
    failures_.push_back(why);
  ended();
}

void pipeline_news::replay(const std::string& pipeline, const replay_run& run) {
  const std::lock_guard guard{lock_};
  replays_.push_back({pipeline, run.finished(), run.outcome()});
  ended();
}

void pipeline_news::child(const std::string& path, const child_event& event, bool restarted) {
  const std::lock_guard guard{lock_};
  if (children_.size() >= child_lines_max)
    ++children_left_out_;
  else
    children_.push_back({path, event, restarted});
  ended();
}

void pipeline_news::ended() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wakes_.get(), &one, sizeof one);
}

void pipeline_news::seen() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wakes_.get(), &count, sizeof count);
}

void pipeline_news::log_to(log& to) {
  log_children(to);
  log_failures(to);
  log_replays(to);
}

void pipeline_news::log_failures(log& to) {
  std::vector<failure> told;
  std::uint64_t left_out = 0;
  {
    const std::lock_guard guard{lock_};
    told.swap(failures_);
    left_out = std::exchange(failures_left_out_, 0);
  }
  for (const auto& why : told)
    to.write(log::level::warning, "worker failed", {{"why", why.message()}});
  if (left_out > 0)
    to.write(log::level::warning, "more workers failed", {{"count", std::to_string(left_out)}});
}

void pipeline_news::log_children(log& to) {
  std::vector<child_line> told;
  std::uint64_t left_out = 0;
  {
    const std::lock_guard guard{lock_};
    told.swap(children_);
    left_out = std::exchange(children_left_out_, 0);
  }
  for (const auto& [path, event, restarted] : told) {
    const auto what = sentence(event.what, restarted);
    if (event.why.chain.empty())
      to.write(level_of(event.what), what, {{"child", path}});
    else
      to.write(level_of(event.what), what, {{"child", path}, {"why", event.why.message()}});
  }
  if (left_out > 0)
    to.write(log::level::warning, "more became of children", {{"count", std::to_string(left_out)}});
}

void pipeline_news::log_replays(log& to) {
  std::vector<replay_news> told;
  {
    const std::lock_guard guard{lock_};
    told.swap(replays_);
  }
  for (const auto& one : told) {
    if (one.finished)
      to.write(log::level::info, "a replay has ended",
               {{"pipeline", one.pipeline}, {"outcome", to_string(one.outcome)}});
    else
      to.write(log::level::info, "a replay has begun", {{"pipeline", one.pipeline}});
  }
}

} // namespace weir::internal
