#include <weir/mailbox/partition.hpp>
#include <weir/mailbox/require.hpp>

#include <algorithm>
#include <bit>
#include <limits>
#include <new>
#include <thread>
#include <utility>

namespace weir::internal {

namespace {

/// The bits of the positions below `position` in its block.
constexpr std::uint64_t below(std::uint64_t position) {
  return (std::uint64_t{1} << (position % 64)) - 1;
}

/// Calls `use` with each bit of the mask, the lowest first.
template <class Use>
void each_bit(std::uint64_t mask, Use use) {
  for (; mask != 0; mask &= mask - 1)
    use(static_cast<unsigned>(std::countr_zero(mask)));
}

std::string hex(std::uint64_t number) {
  constexpr auto digits = "0123456789abcdef";
  std::string text;
  for (unsigned shift = 64; shift > 0; shift -= 4)
    text += digits[number >> (shift - 4) & 0xFU];
  return text;
}

/// Adds the positions base + k of the bits k, which lie behind all that the point has.
void add_runs(std::uint64_t bits, std::uint64_t base, partition_point& to) {
  while (bits != 0) {
    const auto from = static_cast<unsigned>(std::countr_zero(bits));
    const auto end = from + static_cast<unsigned>(std::countr_one(bits >> from));
    bits = end >= 64 ? 0 : bits & ~((std::uint64_t{1} << end) - 1);
    if (base + from == to.position + 1)
      to.position = base + end - 1;
    else if (!to.beyond.empty() && to.beyond.back().last + 1 == base + from)
      to.beyond.back().last = base + end - 1;
    else
      to.beyond.push_back({base + from, base + end - 1});
  }
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

partition::partition(partition_opening how) : blocks_{std::make_unique<block[]>(blocks_count)} {
  begin(std::move(how));
}

partition::~partition() = default;

void partition::begin(partition_opening how) {
  if (how.keeps_outcomes && !outcomes_)
    outcomes_ = std::make_unique<std::atomic<std::uint8_t>[]>(window);
  else if (!how.keeps_outcomes)
    outcomes_.reset();
  name_ = std::move(how.from.partition);
  lasting_name_ = how.life == 0 ? name_ : name_ + "@" + hex(how.life);
  epoch_ = how.from.epoch;
  key_ = how.key;
  source_ = how.source;
  marks_ = std::move(how.marks);
  before_ = std::move(how.from.beyond);
  next_before_ = 0;
  const auto resume_after = how.from.position;
  clean(block_of(resume_after), resume_after / 64 * 64,
        below(resume_after) | (std::uint64_t{1} << (resume_after % 64)));
  prefix_ = resume_after;
  last_admitted_ = resume_after;
}

void partition::reopen(partition_opening how) {
  require(quiet(), "partition: it may be opened again only when all of it has come back");
  begin(std::move(how));
  waiting_ = nullptr;
  fenced_ = false;
  state_ = state::open;
}

// --- admission ---------------------------------------------------------------------------------------

std::uint64_t partition::room() noexcept {
  const auto used = last_admitted() - prefix();
  return used >= in_flight_max || now_is() != state::open ? 0 : in_flight_max - used;
}

void partition::call_when_settled(waker& who, std::uint64_t more) noexcept {
  const auto count = static_cast<std::int64_t>(std::min<std::uint64_t>(more, window));
  if (waiting_.load(std::memory_order_seq_cst) == nullptr
      || until_woken_.load(std::memory_order_relaxed) > count)
    until_woken_.store(count, std::memory_order_seq_cst);
  waiting_.store(&who, std::memory_order_seq_cst);
}

bool partition::call_when_at_rest(waker& who) noexcept {
  std::uint64_t left = 0;
  do { // what is settled before the call is not counted down
    left = in_flight();
    if (left == 0)
      return false;
    call_when_settled(who, left);
  } while (in_flight() < left);
  return true;
}

bool partition::call_when_there_is_room(waker& who, std::uint64_t beyond) noexcept {
  call_when_settled(who, 1);
  // What is settled from now on sees `waiting_`.
  return beyond != 0 ? prefix() < last_admitted() : room() == 0;
}

void partition::wake_source(std::uint64_t settled) noexcept {
  if (waiting_.load(std::memory_order_seq_cst) == nullptr)
    return;
  const auto count = static_cast<std::int64_t>(settled);
  if (until_woken_.fetch_sub(count, std::memory_order_seq_cst) <= count)
    if (auto* who = waiting_.exchange(nullptr, std::memory_order_seq_cst); who != nullptr)
      who->wake();
}

/// The block is used for the positions from `base` on, of which some are settled.
void partition::clean(block& where, std::uint64_t base, std::uint64_t settled) noexcept {
  if (auto* copies = where.copies.load(std::memory_order_acquire); copies != nullptr)
    copies->clear();
  if (outcomes_)
    for (std::uint64_t k = 0; k < 64; ++k)
      outcomes_[(base + k) % window].store(0, std::memory_order_relaxed);
  where.settled.store(settled, std::memory_order_release);
}

void partition::jump_to(std::uint64_t position) noexcept {
  require(prefix() == last_admitted(), "partition: it may jump only when nothing is in flight");
  const auto last = position - 1;
  clean(block_of(last), last / 64 * 64, below(last) | (std::uint64_t{1} << (last % 64)));
  // Who reads the last position and then the prefix must not walk the gap.
  prefix_.store(last, std::memory_order_release);
  last_admitted_.store(last, std::memory_order_release);
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
    if (at % 64 == 0)
      clean(where, at, skipped);
    else if (skipped != 0)
      where.settled.fetch_or(skipped, std::memory_order_acq_rel);
    at = block_end;
  }
  last_admitted_.store(end - 1, std::memory_order_release);
}

bool partition::settled_before(std::uint64_t position) noexcept {
  while (any_settled_before() && before_[next_before_].last < position)
    ++next_before_;
  return any_settled_before() && before_[next_before_].first <= position;
}

// --- settlement --------------------------------------------------------------------------------------

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

partition::settled_now partition::settle(std::uint64_t base, std::uint64_t mask,
                                         outcome how) noexcept {
  auto& where = block_of(base);
  settled_now done;
  if (auto* copies = where.copies.load(std::memory_order_acquire); copies == nullptr) {
    settle_for_good(where, base, mask, how, done);
  } else {
    const auto mine = static_cast<std::uint8_t>(how);
    each_bit(mask, [&](unsigned bit) {
      auto gravest = copies->gravest[bit].load(std::memory_order_relaxed);
      while (
          gravest < mine
          && !copies->gravest[bit].compare_exchange_weak(gravest, mine, std::memory_order_acq_rel))
        ;
      if (copies->more[bit].fetch_sub(1, std::memory_order_acq_rel) <= 0)
        settle_for_good(where, base, std::uint64_t{1} << bit,
                        outcome{copies->gravest[bit].load(std::memory_order_acquire)}, done);
    });
  }
  wake_source(static_cast<std::uint64_t>(std::popcount(mask)));
  return done;
}

std::uint64_t partition::settle_for_good(block& where, std::uint64_t base, std::uint64_t mask,
                                         outcome how, settled_now& into) noexcept {
  // Where outcomes are kept, whose outcome it is decides who settles it.
  const auto others = outcomes_ ? note_outcomes(base, mask, how) : 0;
  const auto before = others | where.settled.fetch_or(mask & ~others, std::memory_order_seq_cst);
  const auto again = before & mask;
  if (again != 0) [[unlikely]] {
    const auto count = static_cast<std::uint64_t>(std::popcount(again));
    if (now_is() == state::closed) {
      mask &= ~again;
      came_late(count, into);
    } else {
      into.twice = true; // counted all the same: the ledger doesn't balance any more
    }
  }
  into.counts[static_cast<std::size_t>(how)] += static_cast<std::uint64_t>(std::popcount(mask));
  return mask;
}

/// Returns those that have an outcome already.
std::uint64_t partition::note_outcomes(std::uint64_t base, std::uint64_t mask,
                                       outcome how) noexcept {
  std::uint64_t others = 0;
  each_bit(mask, [&](unsigned bit) {
    std::uint8_t none = 0;
    if (!outcomes_[(base + bit) % window].compare_exchange_strong(
            none, static_cast<std::uint8_t>(static_cast<unsigned>(how) + 1),
            std::memory_order_acq_rel))
      others |= std::uint64_t{1} << bit;
  });
  return others;
}

void partition::came_late(std::uint64_t positions, settled_now& into) noexcept {
  into.late += positions;
  const auto count = static_cast<std::int64_t>(positions);
  if (still_to_come_.fetch_sub(count, std::memory_order_acq_rel) == count)
    into.now_quiet = true;
}

// --- the end -----------------------------------------------------------------------------------------

void partition::begin_close() noexcept {
  auto open = state::open;
  state_.compare_exchange_strong(open, state::closing, std::memory_order_seq_cst);
}

partition::given_back partition::give_back() {
  require(now_is() == state::closing, "partition: it must be closing before it is given back");
  const auto last = last_admitted_.load(std::memory_order_relaxed);
  const auto prefix = prefix_.load(std::memory_order_relaxed);
  given_back done{
      .settled = {.partition = name_, .position = prefix, .beyond = {}, .epoch = epoch_}};
  constexpr std::int64_t mine = 1; // so that it isn't quiet before all is counted
  still_to_come_.store(mine, std::memory_order_seq_cst);
  state_.store(state::closed, std::memory_order_seq_cst); // who finds a bit set from now on is late
  for (auto at = prefix + 1; at <= last;) {
    const auto base = at / 64 * 64;
    auto all = ~below(at);
    if (last + 1 < base + 64)
      all &= below(last + 1);
    auto& where = block_of(at);
    const auto open = all & ~where.settled.load(std::memory_order_seq_cst);
    // Those that somebody settles at this moment are his. They are counted before he can be late.
    still_to_come_.fetch_add(std::popcount(open), std::memory_order_acq_rel);
    settled_now here;
    const auto returned = settle_for_good(where, base, open, outcome::returned, here);
    done.returned += static_cast<std::uint64_t>(std::popcount(returned));
    // Where outcomes are kept, one that somebody else has settled may still lack its bit.
    while ((~where.settled.load(std::memory_order_seq_cst) & all) != 0)
      std::this_thread::yield();
    try {
      add_runs(all & ~returned, base, done.settled);
    } catch (const std::bad_alloc&) { // so much less is known to be settled
    }
    at = base + 64;
  }
  prefix_.store(last, std::memory_order_release);
  done.now_quiet = still_to_come_.fetch_sub(mine, std::memory_order_acq_rel) == mine;
  return done;
}

// --- how far it is settled ---------------------------------------------------------------------------

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
    if (given - first < std::int64_t{shares_left(at + 1)})
      break;
  }
  return at;
}

partition_point partition::point() const {
  partition_point all{.partition = name_,
                      .position = prefix_.load(std::memory_order_acquire),
                      .beyond = {},
                      .epoch = epoch_};
  const auto last = last_admitted();
  for (auto at = all.position + 1; at <= last;) {
    const auto base = at / 64 * 64;
    auto bits = block_of(at).settled.load(std::memory_order_acquire) & ~below(at);
    if (last + 1 < base + 64)
      bits &= below(last + 1);
    add_runs(bits, base, all);
    at = base + 64;
  }
  // What was given back is settled for this life only.
  if (now_is() == state::closed) {
    all.position = 0;
    all.beyond.clear();
  }
  return all;
}

void partition::mark(partition_point& point) const {
  point.mark = marks_ ? marks_->at(last_settled(point)) : position_mark{};
}

std::uint32_t partition::shares_left(std::uint64_t position) const noexcept {
  // Of what was given back, shares are on their way though it is settled.
  const bool closed = now_is() == state::closed;
  if (!closed && (position <= prefix_.load(std::memory_order_acquire) || is_settled(position)))
    return 0;
  const auto* copies = block_of(position).copies.load(std::memory_order_acquire);
  if (copies == nullptr)
    return 1;
  // Once a copy was let go, the others are not enough.
  if (closed
      && copies->gravest[position % 64].load(std::memory_order_acquire)
             == static_cast<std::uint8_t>(outcome::returned))
    return std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(copies->more[position % 64].load(std::memory_order_acquire)
                                    + 1);
}

std::optional<outcome> partition::outcome_of(std::uint64_t position) const noexcept {
  require(outcomes_ != nullptr, "partition: outcomes are known only where they are kept");
  const auto noted = outcomes_[position % window].load(std::memory_order_acquire);
  if (noted == 0)
    return std::nullopt;
  return outcome{static_cast<std::uint8_t>(noted - 1)};
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

} // namespace weir::internal
