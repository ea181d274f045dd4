#include <weir/node/pipeline_news.hpp>

#include <chrono>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace weir {

using namespace std::chrono_literals;

namespace {

/// Lines about failed workers a second; more are only counted. A poison flood must not become a log flood.
constexpr rate_limit failure_lines{.permits = 5, .per = 1s, .burst = 20};

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

void pipeline_news::ended() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wakes_.get(), &one, sizeof one);
}

void pipeline_news::seen() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wakes_.get(), &count, sizeof count);
}

void pipeline_news::log_to(log& to) {
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

} // namespace weir
