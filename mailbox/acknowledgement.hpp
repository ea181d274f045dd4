#pragma once

#include <weir/mailbox/ledger.hpp>
#include <weir/mailbox/partition.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

/// The books of one running pipeline: its partitions, and its ledger.
namespace weir {

/// The origins of the items in a batch, in the order of the items. Settled when every share of it is. Made
/// and owned by the books.
class origin_group {
public:
  std::span<const origin> members() const noexcept;
  void share(std::uint32_t more) noexcept { shares_.fetch_add(more, std::memory_order_relaxed); }
  /// Does another copy of the batch exist?
  bool shared() const noexcept { return shares_.load(std::memory_order_acquire) > 1; }

private:
  friend class acknowledgement;
  explicit origin_group(std::vector<origin> members);
  ~origin_group();

  std::vector<origin> members_;
  std::atomic<std::uint32_t> shares_{1};
  std::atomic<outcome> gravest_{outcome::filtered};
};

/// What is wrong with a position that no origin can hold.
std::string beyond_positions(std::uint64_t position);

/// Where the reading of a partition goes on.
struct resume_point {
  std::string partition;
  std::uint64_t position = 0; ///< everything up to here is settled
  bool operator==(const resume_point&) const = default;
};

/// Whom the books tell that the way of a replayed item has ended. Any thread; must not block.
class replay_observer {
public:
  virtual void replayed_item_ended(std::uint64_t position, outcome how) noexcept = 0;

protected:
  ~replay_observer() = default;
};

/// Any thread, except where said.
class acknowledgement {
public:
  acknowledgement();
  acknowledgement(const acknowledgement&) = delete;
  acknowledgement& operator=(const acknowledgement&) = delete;
  ~acknowledgement();

  /// Before the pipeline starts. The partition's index is its number in origins. Throws std::length_error for too many
  /// partitions, and for one that would go on beyond origin::position_max.
  std::uint32_t add_partition(std::string name, std::uint64_t resume_after);
  /// The same for the one partition of items that are put in again from the dead letters. Its positions are in no order:
  /// they are the letters' ids, so that they mean the same in each life. No resume point has it.
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

  /// Ends one share of a group by giving its members, to be settled one by one instead. If it throws, for want of
  /// memory, the group is as it was; if the group was never shared, it does not.
  std::vector<origin> take_apart(origin where);

  /// `more` further copies of the item exist. Before any of them can be settled. If it throws, none was added.
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
  void forget(origin_group& group) noexcept;

  static constexpr std::uint32_t no_partition = ~std::uint32_t{0};

  std::vector<std::unique_ptr<partition>> partitions_;
  std::uint32_t replay_partition_ = no_partition;
  replay_observer* replay_observer_ = nullptr;
  std::atomic<std::uint64_t> admitted_{0};
  std::atomic<std::uint64_t> replayed_{0};
  std::array<std::atomic<std::uint64_t>, 4> ended_{};
  std::atomic<bool> settled_twice_{false};
  struct rare; // replayed items and groups
  const std::unique_ptr<rare> rare_;
};

/// Settles the items of a slice, neighbours together. What is still pending is settled by `flush` or the
/// destructor.
class batched_settlement {
public:
  batched_settlement(acknowledgement& books, outcome how) noexcept : books_{books}, how_{how} {}
  batched_settlement(const batched_settlement&) = delete;
  batched_settlement& operator=(const batched_settlement&) = delete;
  ~batched_settlement() { flush(); }

  void add(origin where) noexcept {
    const auto block = where.word() / 64;
    const auto bit = std::uint64_t{1} << (where.word() % 64);
    if (block != block_ || (mask_ & bit) != 0) { // or another share of the same item
      flush();
      if (where.empty() || where.is_group()) {
        books_.settle(where, how_);
        return;
      }
      block_ = block;
    }
    mask_ |= bit;
  }

  /// The same for many: neighbours that follow each other are found as runs.
  void add(std::span<const origin> all) noexcept {
    for (std::size_t k = 0; k < all.size();) {
      const auto word = all[k].word();
      const auto most = std::min<std::size_t>(all.size() - k, 64 - word % 64);
      std::size_t run = 1;
      while (run < most && all[k + run].word() == word + run)
        ++run;
      if (run < 8 || all[k].empty() || all[k].is_group()) {
        for (std::size_t one = 0; one < run; ++one)
          add(all[k + one]);
      } else {
        flush();
        block_ = word / 64;
        mask_ = (run == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << run) - 1) << (word % 64);
      }
      k += run;
    }
  }

  void flush() noexcept {
    if (mask_ != 0) {
      const auto partition_index = static_cast<std::uint32_t>(block_ >> 42U) - 1;
      books_.settle_run(partition_index, block_ * 64 & origin::position_max, mask_, how_);
    }
    mask_ = 0;
    block_ = none;
  }

private:
  acknowledgement& books_;
  const outcome how_;
  static constexpr std::uint64_t none = ~std::uint64_t{0};
  std::uint64_t block_ = none; // word / 64 of the pending run
  std::uint64_t mask_ = 0;
};

} // namespace weir
