#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/origin_group.hpp>

#include <mutex>
#include <unordered_set>
#include <vector>

namespace weir::internal {

/// All groups of one pipeline that are on their way.
///
/// Owner: the acknowledgement; any thread calls it. What an abort left on its way is freed with this.
class origin_groups {
public:
  origin_groups() = default;
  origin_groups(const origin_groups&) = delete;
  origin_groups& operator=(const origin_groups&) = delete;
  ~origin_groups();

  /// A new group of these members, with one share.
  origin make(std::vector<origin> members);
  /// Frees a group that has no share any more. Requires that it was made here.
  void forget(origin_group& group) noexcept;

private:
  std::mutex lock_;
  std::unordered_set<origin_group*> all_; // guarded by lock_
};

} // namespace weir::internal
