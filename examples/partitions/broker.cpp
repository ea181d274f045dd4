#include "broker.hpp"

#include <algorithm>
#include <utility>

using namespace std::chrono_literals;

namespace {

constexpr auto mention_after = 20ms;        // time to learn of a claim from the position store
constexpr std::uint64_t deadline_max = 10;  // ms; often shorter than what is in flight takes
constexpr std::uint64_t away_max = 8;       // ms
constexpr std::uint64_t elsewhere_max = 60; // records

} // namespace

broker::broker(broker_options options)
    : options_{std::move(options)},
      other_{options_.store, options_.records},
      random_{options_.seed},
      thread_{[this](const std::stop_token& stop) { run(stop); }} {}

broker::listening::listening(broker& to, weir::waker& source) : to_{to} {
  const std::lock_guard lock{to_.mutex_};
  to_.source_ = &source;
}

broker::listening::~listening() {
  const std::lock_guard lock{to_.mutex_};
  to_.source_ = nullptr;
}

// --- what the source asks and tells ------------------------------------------------------------------

std::array<broker::told, partitions_count> broker::look() {
  const auto now = weir::clock::now();
  std::array<told, partitions_count> orders;
  const std::lock_guard lock{mutex_};
  for (std::size_t k = 0; k < partitions_count; ++k) {
    auto& one = all_[k];
    if (one.open_here && one.close_by) {
      orders[k] = {order::close, *one.close_by};
    } else if (one.open_here && one.mentioned_at && *one.mentioned_at <= now) {
      orders[k] = {order::close, now};
    } else if (!one.open_here && !one.elsewhere && one.back_at <= now) {
      one.open_here = true;
      orders[k] = {order::open, {}};
    }
  }
  return orders;
}

void broker::opened(std::size_t partition, std::uint64_t left_out) {
  const std::lock_guard lock{mutex_};
  ++all_[partition].tally.opened;
  all_[partition].tally.left_out += left_out;
}

void broker::not_opened(std::size_t partition) {
  const std::lock_guard lock{mutex_};
  auto& one = all_[partition];
  one.open_here = one.lost = false;
  one.close_by.reset();
  one.mentioned_at.reset();
  one.back_at = weir::clock::now() + options_.pause;
}

void broker::given_back(const weir::closed_partition& closed) {
  const auto partition = partition_of(closed.settled.partition);
  not_opened(partition);
  const std::lock_guard lock{mutex_};
  auto& one = all_[partition];
  one.back_at += drawn(away_max);
  one.tally.returned += closed.returned;
  one.tally.fenced += closed.fenced ? 1 : 0;
}

bool broker::finish(std::size_t partition) {
  const std::lock_guard lock{mutex_};
  auto& one = all_[partition];
  if (!one.open_here || one.lost || one.close_by)
    return false;
  one.finished = true;
  return true;
}

bool broker::all_finished() const {
  const std::lock_guard lock{mutex_};
  return std::ranges::all_of(all_, &assignment::finished);
}

std::array<partition_tally, partitions_count> broker::tallies() const {
  std::array<partition_tally, partitions_count> tallies;
  const std::lock_guard lock{mutex_};
  std::ranges::transform(all_, tallies.begin(), &assignment::tally);
  return tallies;
}

std::string broker::trouble() const {
  const std::lock_guard lock{mutex_};
  return trouble_;
}

// --- the moves ---------------------------------------------------------------------------------------

void broker::run(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    stopped_.wait_for(lock, stop, options_.pause, [] { return false; });
    if (source_ == nullptr)
      continue;
    if (moved_ < options_.moves)
      move(lock);
    if (source_ != nullptr) // it may have ended meanwhile
      source_->wake();
  }
}

/// Takes away one that is open here, or lets the other member have one that is not.
void broker::move(std::unique_lock<std::mutex>& lock) {
  const auto partition = static_cast<std::size_t>(random_() % partitions_count);
  auto& one = all_[partition];
  const auto now = weir::clock::now();
  if (one.finished || one.lost || one.close_by)
    return;
  if (one.open_here && random_() % 2 == 0) {
    one.close_by = now + drawn(deadline_max);
    ++one.tally.revoked;
    ++moved_;
  } else if (one.open_here || one.back_at > now) {
    ++moved_;
    claim(one, partition, lock);
  }
}

/// Without the lock while the other member works: so the source, which has the partition, goes on meanwhile.
void broker::claim(assignment& one, std::size_t partition, std::unique_lock<std::mutex>& lock) {
  one.elsewhere = true;
  one.lost = one.open_here;
  const auto records_max = static_cast<std::size_t>(random_() % elsewhere_max);
  lock.unlock();
  auto stored = other_.work_on(partition, records_max);
  lock.lock();
  one.elsewhere = false;
  if (!stored) { // the next move may have more luck
    one.lost = false;
    if (stored.error().kind != weir::failure_kind::transient && trouble_.empty())
      trouble_ = stored.error().message();
    return;
  }
  if (trouble_.empty())
    trouble_ = other_.trouble();
  ++one.tally.claimed;
  one.tally.elsewhere += *stored;
  const auto now = weir::clock::now();
  if (one.lost)
    one.mentioned_at = now + mention_after;
  one.back_at = std::max(one.back_at, now + options_.pause);
}

std::chrono::milliseconds broker::drawn(std::uint64_t max) {
  return std::chrono::milliseconds{random_() % (max + 1)};
}
