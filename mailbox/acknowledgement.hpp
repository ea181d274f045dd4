#pragma once

#include <weir/mailbox/batch_points.hpp>
#include <weir/mailbox/ledger.hpp>
#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/origin_group.hpp>
#include <weir/mailbox/outcome.hpp>
#include <weir/mailbox/partition.hpp>
#include <weir/mailbox/partition_table.hpp>
#include <weir/mailbox/replay_observer.hpp>
#include <weir/mailbox/resume_point.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::internal {

/// The books of one running pipeline: its partitions, what was put in again, and its ledger.
///
/// Owner: the pipeline. Any thread calls it, except where said.
/// Invariants: each admitted item is in flight until its last share is settled, and counts for the gravest end of its
/// shares. So at rest the ledger balances.
/// Failure: an item that is settled more often than it had shares is a defect, which `settled_twice` tells.
class acknowledgement {
public:
  acknowledgement();
  acknowledgement(const acknowledgement&) = delete;
  acknowledgement& operator=(const acknowledgement&) = delete;
  ~acknowledgement();

  /// Opens a partition: see partition_table::open. Its index is its number in origins.
  std::uint32_t open_partition(partition_opening how) { return partitions_.open(std::move(how)); }
  /// A partition without outcomes, whose positions are not stored.
  std::uint32_t add_partition(std::string name, std::uint64_t resume_after);
  /// Gives back what is not settled of a closing partition; it is closed then. In its source's turns.
  partition::given_back give_back(std::uint32_t index);
  /// Another one has claimed the partition of this name: its source is woken, to close it. Any thread.
  void fence(std::string_view name) { partitions_.fence(name); }
  /// How many were ever fenced.
  std::uint64_t fences() const noexcept { return partitions_.fences(); }
  /// Adds the one partition of items that are put in again from the dead letters, before the pipeline starts. Its
  /// positions are in no order: they are the letters' ids, so that they mean the same in each life. No resume point
  /// has it.
  std::uint32_t add_replay_partition(replay_observer& observer, std::uint64_t key = 0);
  static constexpr const char* replay_partition_name = "replay";
  bool is_replayed(origin where) const noexcept {
    return replay_partition_ != no_partition && !where.empty() && !where.is_group()
           && where.partition() == replay_partition_;
  }
  partition& partition_at(std::uint32_t index) noexcept { return partitions_.at(index); }
  const partition& partition_at(std::uint32_t index) const noexcept {
    return partitions_.at(index);
  }
  partition_table& partitions() noexcept { return partitions_; }
  const partition_table& partitions() const noexcept { return partitions_; }
  std::uint32_t replay_partition() const noexcept { return replay_partition_; }

  /// Is something on its way that was given back already? One load, for stages to ask once a slice.
  bool any_given_back() const noexcept { return given_back_.load(std::memory_order_relaxed) > 0; }
  /// Was the item given back already, or all of its batch? Then nobody waits for it any more.
  bool is_given_back(origin where) const noexcept;
  /// How many items came late: after they had been given back.
  std::uint64_t late() const noexcept { return late_.load(std::memory_order_relaxed); }

  /// The item itself, or the first one of a group; empty if there is none.
  static origin first_of(origin where);

  /// Where the item of `where` was read, "events.jsonl:17"; of a group, its first member.
  resume_point position_of(origin where) const;

  void admitted(std::uint64_t count) noexcept {
    admitted_.fetch_add(count, std::memory_order_relaxed);
  }
  /// An item is put in again, and gets this origin. Requires that none of this position is in flight.
  origin admit_replayed(std::uint64_t position);

  /// The one origin of a batch whose items have these.
  origin group(std::vector<origin> members);

  /// Ends one share of a group by giving its members, to be settled one by one instead. Requires a group. If it throws,
  /// for want of memory, the group is as it was; if the group was never shared, it does not.
  std::vector<origin> take_apart(origin where);

  /// `more` further copies of the item exist. Must be called before any of them can be settled. If it throws, none
  /// was added.
  void share(origin where, std::uint32_t more);

  /// The way of one item ended. `batched_settlement` is for many.
  void settle(origin where, outcome how) noexcept;

  /// How far the partitions of a batch of `rows` rows are settled once it is stored.
  batch_points points_of(std::span<const origin> members, std::size_t rows) const {
    return {partitions_, replay_partition_, members, rows};
  }
  /// Up to where each partition is settled that is not closed.
  std::vector<resume_point> settled_prefixes() const;

  /// In flight is counted from the partitions, everything else by its own counter, so the two can disagree:
  /// exact when the pipeline is at rest.
  ledger_totals totals() const noexcept;

  /// An item was settled more often than it had shares: a defect, which unbalances the ledger too.
  bool settled_twice() const noexcept { return settled_twice_.load(std::memory_order_relaxed); }

private:
  friend class batched_settlement;

  void count(const partition::settled_now& done) noexcept;
  void settle_run(std::uint32_t partition_index, std::uint64_t base, std::uint64_t mask,
                  outcome how) noexcept;
  void settle_replayed(std::uint64_t base, std::uint64_t mask, outcome how) noexcept;
  void settle_group(origin_group& group, outcome how) noexcept;
  void settle_all(std::span<const origin> all, outcome how) noexcept;

  static constexpr std::uint32_t no_partition = ~std::uint32_t{0};

  partition_table partitions_;
  std::uint32_t replay_partition_ = no_partition;
  replay_observer* replay_observer_ = nullptr;
  std::atomic<std::uint64_t> admitted_{0};
  std::array<std::atomic<std::uint64_t>, outcomes_count>
      ended_{};                              // of the sources' items, by outcome
  std::atomic<std::uint32_t> given_back_{0}; // partitions that are not quiet yet
  std::atomic<std::uint64_t> late_{0};
  std::atomic<bool> settled_twice_{false};
  struct rare; // replayed items and groups: most pipelines have none in flight
  const std::unique_ptr<rare> rare_;
};

} // namespace weir::internal
