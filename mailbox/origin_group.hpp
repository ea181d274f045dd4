#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/outcome.hpp>

#include <atomic>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace weir::internal {

/// The origins of the items in a batch, in the order of the items. A group is settled when every share of it is.
///
/// Owner: origin_groups, from the moment it is made until its last share ends. Any thread that has a share uses it.
/// Invariants: while a share is left, the members stay; the gravest end of all shares is the end of each member.
class origin_group {
public:
  explicit origin_group(std::vector<origin> members) noexcept : members_{std::move(members)} {}
  origin_group(const origin_group&) = delete;
  origin_group& operator=(const origin_group&) = delete;
  ~origin_group() = default;

  std::span<const origin> members() const noexcept { return members_; }

  /// `more` further copies of the batch exist.
  void share(std::uint32_t more) noexcept { shares_.fetch_add(more, std::memory_order_relaxed); }
  /// Does another copy of the batch exist?
  bool shared() const noexcept { return shares_.load(std::memory_order_acquire) > 1; }
  /// Did no copy of it ever end, and is there no other one? Then its members may be taken.
  bool untouched() const noexcept { return !shared() && gravest() == outcome::filtered; }
  /// Requires `untouched()`.
  std::vector<origin> take_members() noexcept { return std::move(members_); }

  /// Ends one share; returns true if that was the last one.
  bool end_share(outcome how) noexcept {
    auto gravest = gravest_.load(std::memory_order_relaxed);
    while (gravest < how
           && !gravest_.compare_exchange_weak(gravest, how, std::memory_order_acq_rel))
      ;
    return shares_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  /// The gravest end of the shares that have ended.
  outcome gravest() const noexcept { return gravest_.load(std::memory_order_acquire); }

private:
  std::vector<origin> members_;
  std::atomic<std::uint32_t> shares_{1};
  std::atomic<outcome> gravest_{outcome::filtered};
};

} // namespace weir::internal
