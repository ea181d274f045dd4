#include <weir/actors/runtime.hpp>
#include <weir/stages/item_run.hpp>

#include <utility>

namespace weir {

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
    : place_{std::move(place)}, began_{now}, who_{place_->worker_waker}, sign_of_life_{now} {}

item_run::~item_run() = default;

bool item_run::has_ended() const noexcept {
  if (!ended_.load(std::memory_order_acquire))
    return false;
  const std::lock_guard lock{lock_}; // whoever carried it out is done with the worker
  return true;
}

bool item_run::progress() noexcept {
  const std::lock_guard lock{lock_};
  if (who_ == nullptr || hurried_)
    return false;
  sign_of_life_ = place_->node->now();
  return true;
}

void item_run::waits() noexcept {
  const std::lock_guard lock{lock_};
  ++waiting_;
}

void item_run::goes_on() noexcept {
  const std::lock_guard lock{lock_};
  if (--waiting_ > 0 || who_ == nullptr || hurried_)
    return;
  sign_of_life_ = place_->node->now();
  who_->wake(); // nobody looked at the clock while it waited
}

void item_run::wake_at(time_point when) noexcept {
  const std::lock_guard lock{lock_};
  if (!wake_at_ || when < *wake_at_)
    wake_at_ = when;
}

void item_run::ends() noexcept {
  const std::lock_guard lock{lock_};
  ended_.store(true, std::memory_order_release);
  if (who_ != nullptr)
    who_->wake();
}

std::optional<time_point> item_run::silent_since() const noexcept {
  const std::lock_guard lock{lock_};
  if (waiting_ > 0 && !hurried_)
    return std::nullopt;
  return sign_of_life_;
}

void item_run::hurry(time_point now) noexcept {
  {
    const std::lock_guard lock{lock_};
    if (std::exchange(hurried_, true))
      return;
    sign_of_life_ = now;
  }
  stop();
}

bool item_run::abandon() noexcept {
  {
    const std::lock_guard lock{lock_};
    if (ended_.load(std::memory_order_relaxed))
      return false;
    who_ = nullptr;
  }
  stop();
  return true;
}

std::stop_token item_run::stopping() {
  const std::lock_guard lock{lock_};
  if (!stop_) {
    stop_ = std::make_unique<stop_request>(place_->stopping);
    if (who_ == nullptr || hurried_)
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
  const std::lock_guard lock{lock_};
  return wake_at_;
}

} // namespace weir
