#include <weir/mailbox/partition.hpp>
#include <weir/mailbox/require.hpp>

#include <algorithm>
#include <bit>

namespace weir {

namespace {

/// The bits of the positions below `position` in its block.
constexpr std::uint64_t below(std::uint64_t position) {
  return (std::uint64_t{1} << (position % 64)) - 1;
}

} // namespace

struct partition::shares {
  std::array<std::atomic<std::int32_t>, 64> more{};
  std::array<std::atomic<std::uint8_t>, 64> gravest{};

  void clear() noexcept {
    for (auto& one : more)
      one.store(0, std::memory_order_relaxed);
    for (auto& one : gravest)
      one.store(0, std::memory_order_relaxed);
  }
};

partition::partition(std::string name, std::uint64_t resume_after)
    : name_{std::move(name)},
      blocks_{std::make_unique<block[]>(blocks_count)},
      last_admitted_{resume_after},
      prefix_{resume_after} {
  block_of(resume_after).settled = below(resume_after) | (std::uint64_t{1} << (resume_after % 64));
}

partition::~partition() = default;

std::uint64_t partition::room() noexcept {
  const auto used = last_admitted() - prefix();
  return used >= in_flight_max ? 0 : in_flight_max - used;
}

bool partition::call_when_settled(waker& who, std::uint64_t beyond) noexcept {
  waiting_.store(&who, std::memory_order_seq_cst);
  if (beyond != 0 ? prefix() < last_admitted() : room() == 0)
    return true; // what is settled from now on sees `waiting_`
  waiting_.store(nullptr, std::memory_order_relaxed);
  return false;
}

void partition::jump_to(std::uint64_t position) noexcept {
  require(prefix() == last_admitted(), "partition: it may jump only when nothing is in flight");
  const auto last = position - 1;
  auto& where = block_of(last);
  if (auto* copies = where.copies.load(std::memory_order_acquire); copies != nullptr)
    copies->clear();
  where.settled.store(below(last) | (std::uint64_t{1} << (last % 64)), std::memory_order_release);
  // Who reads the last position and then the prefix must not walk the gap.
  prefix_.store(last, std::memory_order_release);
  last_admitted_.store(last, std::memory_order_release);
}

void partition::wake_source() noexcept {
  if (waiting_.load(std::memory_order_seq_cst) != nullptr)
    if (auto* who = waiting_.exchange(nullptr, std::memory_order_seq_cst); who != nullptr)
      who->wake();
}

void partition::admit(std::uint64_t first, std::uint64_t count) noexcept {
  const auto last = last_admitted_.load(std::memory_order_relaxed);
  const auto end = first + count; // one past
  require(first > last, "partition: positions are admitted in ascending order");
  // The window was asked for not long ago: mostly what it was then reaches far enough.
  require(end - 1 - prefix_.load(std::memory_order_relaxed) < window - 64 || reaches(end - 1),
          "partition: no position may be admitted that its window doesn't reach");
  // Blocks that are entered now are cleaned of what they held a window ago; positions that were skipped are
  // settled, as nothing will ever settle them.
  for (auto at = last + 1; at < end;) {
    const auto block_end = (at / 64 + 1) * 64;
    auto& where = block_of(at);
    std::uint64_t skipped = 0;
    if (at < first) {
      skipped = ~below(at);
      if (first < block_end)
        skipped &= below(first);
    }
    if (at % 64 == 0) {
      if (auto* copies = where.copies.load(std::memory_order_acquire); copies != nullptr)
        copies->clear();
      where.settled.store(skipped, std::memory_order_release);
    } else if (skipped != 0) {
      where.settled.fetch_or(skipped, std::memory_order_acq_rel);
    }
    at = block_end;
  }
  last_admitted_.store(end - 1, std::memory_order_release);
}

partition::shares& partition::shares_of(block& where) {
  if (auto* there = where.copies.load(std::memory_order_acquire); there != nullptr)
    return *there;
  while (shares_lock_.test_and_set(std::memory_order_acquire))
    shares_lock_.wait(true, std::memory_order_relaxed);
  const struct held_lock { // also where there is no memory
    std::atomic_flag& lock;
    ~held_lock() {
      lock.clear(std::memory_order_release);
      lock.notify_one();
    }
  } held{shares_lock_};
  auto* there = where.copies.load(std::memory_order_acquire);
  if (there == nullptr) {
    there = all_shares_.emplace_back(std::make_unique<shares>()).get();
    where.copies.store(there, std::memory_order_release);
  }
  return *there;
}

void partition::share(std::uint64_t position, std::uint32_t more) {
  shares_of(block_of(position))
      .more[position % 64]
      .fetch_add(static_cast<std::int32_t>(more), std::memory_order_acq_rel);
}

bool partition::settle(std::uint64_t base, std::uint64_t mask, outcome how,
                       settled_counts& counts) noexcept {
  auto& where = block_of(base);
  auto* copies = where.copies.load(std::memory_order_acquire);
  if (copies == nullptr) {
    const auto before = where.settled.fetch_or(mask, std::memory_order_seq_cst);
    counts[static_cast<std::size_t>(how)] += static_cast<std::uint64_t>(std::popcount(mask));
    wake_source();
    return (before & mask) == 0;
  }
  bool once = true;
  for (auto rest = mask; rest != 0; rest &= rest - 1) {
    const auto bit = static_cast<std::size_t>(std::countr_zero(rest));
    const auto mine = static_cast<std::uint8_t>(how);
    auto gravest = copies->gravest[bit].load(std::memory_order_relaxed);
    while (gravest < mine
           && !copies->gravest[bit].compare_exchange_weak(gravest, mine, std::memory_order_acq_rel))
      ;
    if (copies->more[bit].fetch_sub(1, std::memory_order_acq_rel) > 0)
      continue;
    ++counts[copies->gravest[bit].load(std::memory_order_acquire)];
    const auto one = std::uint64_t{1} << bit;
    once = (where.settled.fetch_or(one, std::memory_order_seq_cst) & one) == 0 && once;
  }
  wake_source();
  return once;
}

std::uint64_t partition::prefix() noexcept {
  const auto last = last_admitted_.load(std::memory_order_relaxed);
  auto at = prefix_.load(std::memory_order_relaxed);
  while (at < last) {
    const auto next = at + 1;
    const auto pending = ~block_of(next).settled.load(std::memory_order_seq_cst) & ~below(next);
    const auto first_pending =
        pending == 0 ? (next / 64 + 1) * 64
                     : next - next % 64 + static_cast<unsigned>(std::countr_zero(pending));
    if (first_pending == next)
      break;
    at = std::min(last, first_pending - 1);
  }
  prefix_.store(at, std::memory_order_release);
  return at;
}

std::uint64_t partition::prefix_with(std::span<const std::uint64_t> positions) const noexcept {
  const auto last = last_admitted();
  auto at = prefix_.load(std::memory_order_acquire);
  auto given = std::ranges::upper_bound(positions, at);
  for (; at < last; ++at) {
    const auto first = given;
    while (given != positions.end() && *given == at + 1)
      ++given;
    // Every share that is left must be among those given: another copy may still be on its way.
    if (!is_settled(at + 1) && given - first < shares_left(at + 1))
      break;
  }
  return at;
}

std::int64_t partition::shares_left(std::uint64_t position) const noexcept {
  const auto* copies = block_of(position).copies.load(std::memory_order_acquire);
  return copies == nullptr
             ? 1
             : std::int64_t{copies->more[position % 64].load(std::memory_order_acquire)} + 1;
}

std::uint64_t partition::in_flight() const noexcept {
  const auto last = last_admitted();
  std::uint64_t count = 0;
  for (auto at = prefix_.load(std::memory_order_acquire) + 1; at <= last;) {
    const auto block_end = (at / 64 + 1) * 64;
    auto pending = ~block_of(at).settled.load(std::memory_order_acquire) & ~below(at);
    if (last + 1 < block_end)
      pending &= below(last + 1);
    count += static_cast<std::uint64_t>(std::popcount(pending));
    at = block_end;
  }
  return count;
}

} // namespace weir
