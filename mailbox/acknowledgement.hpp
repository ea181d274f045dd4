#pragma once

#include <weir/mailbox/ledger.hpp>
#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/origin_group.hpp>
#include <weir/mailbox/outcome.hpp>
#include <weir/mailbox/partition.hpp>
#include <weir/mailbox/replay_observer.hpp>
#include <weir/mailbox/resume_point.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weir {

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

  /// Adds a partition, before the pipeline starts. Its index is its number in origins. Throws std::length_error for too
  /// many partitions, and for one that would go on beyond origin::position_max.
  std::uint32_t add_partition(std::string name, std::uint64_t resume_after);
  /// Adds the one partition of items that are put in again from the dead letters, before the pipeline starts. Its
  /// positions are in no order: they are the letters' ids, so that they mean the same in each life. No resume point
  /// has it.
  std::uint32_t add_replay_partition(replay_observer& observer);
  static constexpr const char* replay_partition_name = "replay";
  bool is_replayed(origin where) const noexcept {
    return replay_partition_ != no_partition && !where.empty() && !where.is_group()
           && where.partition() == replay_partition_;
  }
  partition& partition_at(std::uint32_t index) noexcept { return *partitions_[index]; }
  const partition& partition_at(std::uint32_t index) const noexcept { return *partitions_[index]; }
  std::size_t partitions_count() const noexcept { return partitions_.size(); }

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

  /// Where every partition may go on reading once the items of `batch` are settled too.
  std::vector<resume_point> resume_points(std::span<const origin> batch) const;

  /// In flight is counted from the partitions, everything else by its own counter, so the two can disagree:
  /// exact when the pipeline is at rest.
  ledger_totals totals() const noexcept;

  /// An item was settled more often than it had shares: a defect, which unbalances the ledger too.
  bool settled_twice() const noexcept { return settled_twice_.load(std::memory_order_relaxed); }

private:
  friend class batched_settlement;

  void settle_run(std::uint32_t partition_index, std::uint64_t base, std::uint64_t mask,
                  outcome how) noexcept;
  void settle_replayed(std::uint64_t base, std::uint64_t mask, outcome how) noexcept;
  void settle_group(origin_group& group, outcome how) noexcept;
  void settle_all(std::span<const origin> all, outcome how) noexcept;

  static constexpr std::uint32_t no_partition = ~std::uint32_t{0};

  std::vector<std::unique_ptr<partition>> partitions_;
  std::uint32_t replay_partition_ = no_partition;
  replay_observer* replay_observer_ = nullptr;
  std::atomic<std::uint64_t> admitted_{0};
  std::array<std::atomic<std::uint64_t>, 4> ended_{}; // of the sources' items, by outcome
  std::atomic<bool> settled_twice_{false};
  struct rare; // replayed items and groups: most pipelines have none in flight
  const std::unique_ptr<rare> rare_;
};

} // namespace weir
