#include <weir/actors/virtual_time.hpp>
#include <weir/mailbox/require.hpp>

#include <algorithm>
#include <utility>

namespace weir {

namespace {

thread_local virtual_time* time_here = nullptr;

// Any moment will do, as long as it is the same each time and not the first of the epoch.
constexpr auto first_moment = clock::time_point{std::chrono::hours{24}};
constexpr auto first_day = std::chrono::system_clock::time_point{std::chrono::hours{24 * 20'000}};

} // namespace

clock::time_point clock::now() noexcept {
  return time_here != nullptr ? time_here->now() : std::chrono::steady_clock::now();
}

std::chrono::system_clock::time_point clock::wall() noexcept {
  return time_here != nullptr ? time_here->wall() : std::chrono::system_clock::now();
}

virtual_time::virtual_time() noexcept
    : before_{std::exchange(time_here, this)}, now_{first_moment}, wall_{first_day} {}

virtual_time::~virtual_time() {
  internal::require(time_here == this,
                    "virtual_time: the times of a thread are undone in reverse order");
  time_here = before_;
}

virtual_time* virtual_time::here() noexcept { return time_here; }

clock::time_point virtual_time::next_alarm() const noexcept {
  return alarms_.empty() ? clock::time_point::max() : alarms_.begin()->first.first;
}

void virtual_time::advance_to(clock::time_point when) {
  const auto move = [this](clock::time_point to) {
    if (to > now_) {
      wall_ += to - now_;
      now_ = to;
    }
  };
  while (!alarms_.empty() && alarms_.begin()->first.first <= when) {
    const auto due = alarms_.extract(alarms_.begin());
    move(due.key().first);
    due.mapped()();
  }
  move(when);
}

alarm::alarm(clock::time_point when, std::function<void()> ring) : where_{time_here} {
  if (where_ == nullptr)
    return;
  mine_ = {when, ++where_->alarms_set_};
  where_->alarms_.emplace(mine_, std::move(ring));
}

alarm::~alarm() {
  if (where_ != nullptr)
    where_->alarms_.erase(mine_);
}

} // namespace weir
