#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/origin_groups.hpp>
#include <weir/mailbox/replayed_items.hpp>
#include <weir/mailbox/require.hpp>

#include <algorithm>
#include <bit>
#include <utility>

namespace weir::internal {

struct acknowledgement::rare {
  replayed_items replayed;
  origin_groups groups;
};

acknowledgement::acknowledgement() : rare_{std::make_unique<rare>()} {}
acknowledgement::~acknowledgement() = default;

std::uint32_t acknowledgement::add_partition(std::string name, std::uint64_t resume_after) {
  return open_partition({.from = {.partition = std::move(name), .position = resume_after}});
}

std::uint32_t acknowledgement::add_replay_partition(replay_observer& observer, std::uint64_t key) {
  replay_partition_ = open_partition({.from = {.partition = replay_partition_name}, .key = key});
  replay_observer_ = &observer;
  return replay_partition_;
}

origin acknowledgement::admit_replayed(std::uint64_t position) {
  require(replay_partition_ != no_partition,
          "acknowledgement: items are replayed only where there is a replay partition");
  rare_->replayed.admit(position);
  return {replay_partition_, position};
}

origin acknowledgement::group(std::vector<origin> members) {
  return rare_->groups.make(std::move(members));
}

origin acknowledgement::first_of(origin where) {
  while (where.is_group()) { // a batch, or a batch of batches
    // What stages say of their own accord belongs to no position: it names nothing.
    const auto members = where.group()->members();
    const auto named =
        std::ranges::find_if(members, [](origin one) { return one.is_group() || !one.empty(); });
    where = named == members.end() ? origin{} : *named;
  }
  return where;
}

resume_point acknowledgement::position_of(origin where) const {
  where = first_of(where);
  if (where.empty())
    return {};
  return {partitions_.at(where.partition()).lasting_name(), where.position()};
}

std::vector<origin> acknowledgement::take_apart(origin where) {
  require(where.is_group(), "acknowledgement: only a group can be taken apart");
  auto& group = *where.group();
  if (group.untouched()) {
    auto members = group.take_members();
    rare_->groups.forget(group);
    return members;
  }
  // Copies of the batch go, or went, other ways. Every member gets a share for its own way before the group's share
  // ends.
  std::vector<origin> members{group.members().begin(), group.members().end()};
  std::size_t shared = 0;
  try {
    for (; shared < members.size(); ++shared)
      share(members[shared], 1);
  } catch (...) { // the gravest end of the others counts
    while (shared > 0)
      settle(members[--shared], outcome::filtered);
    throw;
  }
  settle_group(group, outcome::filtered);
  return members;
}

void acknowledgement::share(origin where, std::uint32_t more) {
  if (where.empty() || more == 0)
    return;
  if (where.is_group()) {
    where.group()->share(more);
  } else if (is_replayed(where)) {
    rare_->replayed.share(where.position(), more);
  } else {
    partitions_.at(where.partition()).share(where.position(), more);
  }
}

void acknowledgement::settle_run(std::uint32_t partition_index, std::uint64_t base,
                                 std::uint64_t mask, outcome how) noexcept {
  if (partition_index == replay_partition_) {
    settle_replayed(base, mask, how);
    return;
  }
  count(partitions_.at(partition_index).settle(base, mask, how));
}

void acknowledgement::count(const partition::settled_now& done) noexcept {
  for (std::size_t k = 0; k < done.counts.size(); ++k)
    if (done.counts[k] != 0)
      ended_[k].fetch_add(done.counts[k], std::memory_order_relaxed);
  if (done.twice)
    settled_twice_.store(true, std::memory_order_relaxed);
  if (done.late != 0)
    late_.fetch_add(done.late, std::memory_order_relaxed);
  if (done.now_quiet)
    given_back_.fetch_sub(1, std::memory_order_relaxed);
}

partition::given_back acknowledgement::give_back(std::uint32_t index) {
  given_back_.fetch_add(1, std::memory_order_relaxed);
  auto done = partitions_.at(index).give_back();
  ended_[static_cast<std::size_t>(outcome::returned)].fetch_add(done.returned,
                                                                std::memory_order_relaxed);
  if (done.now_quiet)
    given_back_.fetch_sub(1, std::memory_order_relaxed);
  return done;
}

bool acknowledgement::is_given_back(origin where) const noexcept {
  if (where.empty())
    return false;
  if (!where.is_group())
    return !is_replayed(where)
           && partitions_.at(where.partition()).now_is() == partition::state::closed;
  const auto members = where.group()->members();
  return !members.empty()
         && std::ranges::all_of(members, [this](origin one) { return is_given_back(one); });
}

/// Replayed items are settled one by one, as each has a letter that waits for its outcome.
void acknowledgement::settle_replayed(std::uint64_t base, std::uint64_t mask,
                                      outcome how) noexcept {
  for (auto rest = mask; rest != 0; rest &= rest - 1) {
    const auto position = base + static_cast<std::uint64_t>(std::countr_zero(rest));
    const auto ending = rare_->replayed.settle(position, how);
    if (!ending.known)
      settled_twice_.store(true, std::memory_order_relaxed);
    else if (ending.how)
      replay_observer_->replayed_item_ended(position, *ending.how);
  }
}

void acknowledgement::settle_group(origin_group& group, outcome how) noexcept {
  if (!group.end_share(how))
    return;
  settle_all(group.members(), group.gravest());
  rare_->groups.forget(group);
}

/// Settles the members of a group, neighbours together. batched_settlement does so for the items of a slice, which come
/// one by one.
void acknowledgement::settle_all(std::span<const origin> all, outcome how) noexcept {
  for (std::size_t k = 0; k < all.size();) {
    const auto first = all[k];
    if (first.empty() || first.is_group()) {
      settle(first, how);
      ++k;
      continue;
    }
    const auto block = first.word() / 64;
    std::uint64_t mask = 0;
    for (; k < all.size() && all[k].word() / 64 == block; ++k) {
      const auto bit = std::uint64_t{1} << (all[k].word() % 64);
      if ((mask & bit) != 0) // another share of the same item
        break;
      mask |= bit;
    }
    settle_run(first.partition(), first.position() / 64 * 64, mask, how);
  }
}

void acknowledgement::settle(origin where, outcome how) noexcept {
  if (where.empty())
    return;
  if (where.is_group())
    settle_group(*where.group(), how);
  else
    settle_run(where.partition(), where.position() / 64 * 64,
               std::uint64_t{1} << (where.position() % 64), how);
}

std::vector<resume_point> acknowledgement::settled_prefixes() const {
  std::vector<resume_point> prefixes;
  partitions_.each([&](std::uint32_t index, const partition& one) {
    if (index != replay_partition_ && one.now_is() != partition::state::closed)
      prefixes.push_back({one.lasting_name(), one.prefix_with({})});
  });
  return prefixes;
}

ledger_totals acknowledgement::totals() const noexcept {
  const auto ended = [&](outcome how) {
    return ended_[static_cast<std::size_t>(how)].load(std::memory_order_relaxed);
  };
  ledger_totals totals;
  totals.acknowledged = ended(outcome::acknowledged);
  totals.filtered = ended(outcome::filtered);
  totals.dropped = ended(outcome::dropped);
  totals.dead_lettered = ended(outcome::dead_lettered);
  totals.admitted = admitted_.load(std::memory_order_relaxed);
  totals.returned = ended(outcome::returned);
  partitions_.each(
      [&](std::uint32_t, const partition& one) { totals.in_flight += one.in_flight(); });
  rare_->replayed.add_to(totals);
  return totals;
}

} // namespace weir::internal
