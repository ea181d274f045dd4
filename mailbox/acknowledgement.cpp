#include <weir/mailbox/acknowledgement.hpp>

#include <algorithm>
#include <bit>
#include <mutex>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

namespace weir {

struct acknowledgement::rare {
  struct replayed_item {
    std::uint32_t more = 0; // shares, beside the one that every item has
    outcome gravest = outcome::filtered;
  };
  std::mutex replayed_lock;
  std::unordered_map<std::uint64_t, replayed_item> replayed; // in flight; guarded by replayed_lock
  std::mutex groups_lock;
  std::unordered_set<origin_group*> groups; // guarded by groups_lock
};

origin_group::origin_group(std::vector<origin> members) : members_{std::move(members)} {}
origin_group::~origin_group() = default;

std::span<const origin> origin_group::members() const noexcept { return members_; }

acknowledgement::acknowledgement() : rare_{std::make_unique<rare>()} {}

acknowledgement::~acknowledgement() {
  for (auto* left : rare_->groups) // batches that an abort left on their way
    delete left;
}

origin acknowledgement::group(std::vector<origin> members) {
  auto* made = new origin_group{std::move(members)};
  const std::lock_guard lock{rare_->groups_lock};
  rare_->groups.insert(made);
  return origin{made};
}

std::string beyond_positions(std::uint64_t position) {
  return "position " + std::to_string(position) + ", beyond the last one there is, "
         + std::to_string(origin::position_max)
         + " (2^48 - 1): positions are line numbers, offsets, or times in milliseconds";
}

std::uint32_t acknowledgement::add_partition(std::string name, std::uint64_t resume_after) {
  if (partitions_.size() >= origin::partitions_max)
    throw std::length_error{"weir: a pipeline has at most " + std::to_string(origin::partitions_max)
                            + " partitions"};
  if (resume_after > origin::position_max)
    throw std::length_error{"weir: partition '" + name + "': " + beyond_positions(resume_after)};
  partitions_.push_back(std::make_unique<partition>(std::move(name), resume_after));
  return static_cast<std::uint32_t>(partitions_.size() - 1);
}

std::uint32_t acknowledgement::add_replay_partition(replay_observer& observer) {
  replay_partition_ = add_partition(replay_partition_name, 0);
  replay_observer_ = &observer;
  return replay_partition_;
}

origin acknowledgement::admit_replayed(std::uint64_t position) {
  {
    const std::lock_guard lock{rare_->replayed_lock};
    rare_->replayed.try_emplace(position);
    replayed_.fetch_add(1, std::memory_order_relaxed);
  }
  return {replay_partition_, position};
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
  return {partitions_[where.partition()]->name(), where.position()};
}

void acknowledgement::forget(origin_group& group) noexcept {
  {
    const std::lock_guard lock{rare_->groups_lock};
    rare_->groups.erase(&group);
  }
  delete &group;
}

std::vector<origin> acknowledgement::take_apart(origin where) {
  auto& group = *where.group();
  if (group.shares_.load(std::memory_order_acquire) == 1
      && group.gravest_.load(std::memory_order_acquire) == outcome::filtered) {
    auto members = std::move(group.members_);
    forget(group);
    return members;
  }
  // Copies of the batch go, or went, other ways. Every member gets a share for its own way before the group's share ends.
  auto members = group.members_;
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
    const std::lock_guard lock{rare_->replayed_lock};
    rare_->replayed[where.position()].more += more;
  } else {
    partitions_[where.partition()]->share(where.position(), more);
  }
}

void acknowledgement::settle_run(std::uint32_t partition_index, std::uint64_t base,
                                 std::uint64_t mask, outcome how) noexcept {
  if (partition_index == replay_partition_) {
    settle_replayed(base, mask, how);
    return;
  }
  partition::settled_counts counts{};
  if (!partitions_[partition_index]->settle(base, mask, how, counts))
    settled_twice_.store(true, std::memory_order_relaxed);
  for (std::size_t k = 0; k < counts.size(); ++k)
    if (counts[k] != 0)
      ended_[k].fetch_add(counts[k], std::memory_order_relaxed);
}

/// One by one, as each has a letter that waits for its outcome.
void acknowledgement::settle_replayed(std::uint64_t base, std::uint64_t mask,
                                      outcome how) noexcept {
  for (auto rest = mask; rest != 0; rest &= rest - 1) {
    auto gravest = how;
    const auto position = base + static_cast<std::uint64_t>(std::countr_zero(rest));
    {
      const std::lock_guard lock{rare_->replayed_lock};
      const auto found = rare_->replayed.find(position);
      if (found == rare_->replayed.end()) {
        settled_twice_.store(true, std::memory_order_relaxed);
        continue;
      }
      auto& item = found->second;
      gravest = item.gravest = std::max(item.gravest, how);
      if (item.more > 0) { // others of its shares are on their way
        --item.more;
        continue;
      }
      rare_->replayed.erase(found);
      ended_[static_cast<std::size_t>(gravest)].fetch_add(1, std::memory_order_relaxed);
    }
    replay_observer_->replayed_item_ended(position, gravest);
  }
}

void acknowledgement::settle_group(origin_group& group, outcome how) noexcept {
  auto gravest = group.gravest_.load(std::memory_order_relaxed);
  while (gravest < how
         && !group.gravest_.compare_exchange_weak(gravest, how, std::memory_order_acq_rel))
    ;
  if (group.shares_.fetch_sub(1, std::memory_order_acq_rel) > 1)
    return;
  {
    batched_settlement settlement{*this, group.gravest_.load(std::memory_order_acquire)};
    for (auto member : group.members_)
      settlement.add(member);
  }
  forget(group);
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

std::vector<resume_point> acknowledgement::resume_points(std::span<const origin> batch) const {
  std::vector<resume_point> points;
  points.reserve(partitions_.size());
  std::vector<std::uint64_t> positions;
  for (std::uint32_t index = 0; index < partitions_.size(); ++index) {
    if (index == replay_partition_)
      continue;
    positions.clear();
    for (auto where : batch)
      if (!where.empty() && !where.is_group() && where.partition() == index)
        positions.push_back(where.position());
    std::ranges::sort(positions);
    points.push_back({partitions_[index]->name(), partitions_[index]->prefix_with(positions)});
  }
  return points;
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
  totals.replayed = replayed_.load(std::memory_order_relaxed);
  for (const auto& one : partitions_)
    totals.in_flight += one->in_flight();
  const std::lock_guard lock{rare_->replayed_lock};
  totals.in_flight += rare_->replayed.size();
  return totals;
}

} // namespace weir
