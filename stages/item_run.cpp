#include <weir/actors/clock.hpp>
#include <weir/stages/item_run.hpp>

#include <utility>

namespace weir::internal {

/// A request to stop is made by the pipeline's, and by this run's own.
struct item_run::stop_request {
  struct pass_on {
    std::stop_source to;
    void operator()() noexcept { to.request_stop(); }
  };

  explicit stop_request(const std::stop_token& pipeline) : with_pipeline{pipeline, pass_on{of}} {}

  std::stop_source of;
  std::stop_callback<pass_on> with_pipeline;
};

item_run::item_run(std::shared_ptr<const run_place> place, time_point now)
    : place_{std::move(place)}, began_{now}, sign_of_life_{now} {}

item_run::~item_run() = default;

void item_run::shows_life() noexcept {
  sign_of_life_.store(clock::now(), std::memory_order_release);
}

bool item_run::progress() noexcept {
  if (nobody_waits())
    return false;
  shows_life();
  return true;
}

void item_run::waits() noexcept { waiting_.fetch_add(1, std::memory_order_acq_rel); }

void item_run::goes_on() noexcept {
  if (!nobody_waits())
    shows_life(); // before it no longer waits: whoever sees that sees this
  if (waiting_.fetch_sub(1, std::memory_order_acq_rel) > 1 || nobody_waits())
    return;
  place_->ends->ring(); // nobody looked at the clock while it waited
}

void item_run::wake_at(time_point when) noexcept {
  auto before = wake_at_.load(std::memory_order_relaxed);
  while (when < before && !wake_at_.compare_exchange_weak(before, when))
    ;
}

void item_run::ends() noexcept {
  if ((fate_.fetch_or(ended, std::memory_order_acq_rel) & abandoned) == 0)
    place_->ends->ring();
}

std::optional<time_point> item_run::silent_since() const noexcept {
  if (waiting_.load(std::memory_order_acquire) > 0 && !hurried_)
    return std::nullopt;
  return sign_of_life_.load(std::memory_order_acquire);
}

void item_run::hurry(time_point now) noexcept {
  if (hurried_)
    return;
  sign_of_life_.store(now, std::memory_order_release); // what shows life at this moment is no later
  hurried_ = true;
  stop();
}

bool item_run::abandon() noexcept {
  auto before = fate_.load(std::memory_order_acquire);
  do {
    if ((before & ended) != 0)
      return false;
  } while (!fate_.compare_exchange_weak(before, before | abandoned));
  stop();
  return true;
}

std::stop_token item_run::stopping() {
  const std::lock_guard lock{lock_};
  if (!stop_) {
    stop_ = std::make_unique<stop_request>(place_->stopping);
    if (nobody_waits()) // else whoever comes to that finds the request, by the lock
      stop_->of.request_stop();
  }
  return stop_->of.get_token();
}

/// The request is made without the lock, as whoever waits for it is called.
void item_run::stop() noexcept {
  std::optional<std::stop_source> asked_for;
  {
    const std::lock_guard lock{lock_};
    if (stop_)
      asked_for = stop_->of;
  }
  if (asked_for)
    asked_for->request_stop();
}

std::optional<time_point> item_run::wanted_turn() const noexcept {
  const auto when = wake_at_.load(std::memory_order_relaxed);
  return when == time_point::max() ? std::nullopt : std::optional{when};
}

} // namespace weir::internal
