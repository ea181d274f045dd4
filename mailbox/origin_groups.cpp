#include <weir/mailbox/origin_groups.hpp>
#include <weir/mailbox/require.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace weir::internal {

origin_groups::~origin_groups() {
  for (auto* left : all_)
    delete left;
}

origin origin_groups::make(std::vector<origin> members) {
  auto made = std::make_unique<origin_group>(std::move(members));
  const std::lock_guard lock{lock_};
  all_.insert(made.get());
  return origin{made.release()};
}

void origin_groups::forget(origin_group& group) noexcept {
  std::size_t known = 0;
  {
    const std::lock_guard lock{lock_};
    known = all_.erase(&group);
  }
  require(known == 1, "acknowledgement: a group was settled more often than it had shares");
  delete &group;
}

} // namespace weir::internal
