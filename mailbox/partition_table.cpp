#include <weir/mailbox/partition_table.hpp>
#include <weir/mailbox/require.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace weir::internal {

partition_table::partition_table() = default;
partition_table::~partition_table() = default;

std::uint32_t partition_table::open(partition_opening how) {
  const auto& name = how.from.partition;
  if (how.from.position > origin::position_max)
    throw std::length_error{"weir: partition '" + name
                            + "': " + beyond_positions(how.from.position)};
  const std::lock_guard lock{lock_};
  if (find_open(name))
    throw std::invalid_argument{"weir: partition '" + name + "' is open already"};
  const auto free =
      std::ranges::find_if(forgotten_, [this](auto index) { return at(index).quiet(); });
  if (free != forgotten_.end()) {
    const auto index = *free;
    at(index).reopen(std::move(how));
    forgotten_.erase(free);
    return index;
  }
  const auto index = all_.size();
  if (index >= origin::partitions_max)
    throw std::length_error{"weir: a pipeline has at most " + std::to_string(origin::partitions_max)
                            + " partitions at a time"};
  auto made = std::make_unique<partition>(std::move(how));
  if (index / chunk_size == all_chunks_.size()) {
    auto& added = all_chunks_.emplace_back(std::make_unique<chunk>());
    chunks_[index / chunk_size].store(added.get(), std::memory_order_release);
  }
  auto* const one = all_.emplace_back(std::move(made)).get();
  all_chunks_[index / chunk_size]->slots[index % chunk_size].store(one, std::memory_order_release);
  size_.store(index + 1, std::memory_order_release);
  return static_cast<std::uint32_t>(index);
}

void partition_table::forget(std::uint32_t index) {
  const std::lock_guard lock{lock_};
  require(at(index).now_is() == partition::state::closed,
          "partition_table: only a closed partition may be forgotten");
  forgotten_.push_back(index);
}

void partition_table::fence(std::string_view name) {
  const std::lock_guard lock{lock_}; // so that it stays the one that was found
  const auto index = find_open(name);
  if (!index)
    return;
  auto& one = at(*index);
  one.fence();
  fences_.fetch_add(1, std::memory_order_acq_rel); // first: the source that is woken looks at it
  if (one.source() != nullptr)
    one.source()->wake();
}

std::optional<std::uint32_t> partition_table::find(std::string_view name) const {
  const std::lock_guard lock{lock_};
  return find_open(name);
}

std::optional<std::uint32_t> partition_table::find_open(std::string_view name) const {
  for (std::uint32_t k = 0; k < size(); ++k)
    if (at(k).now_is() != partition::state::closed && at(k).name() == name)
      return k;
  return std::nullopt;
}

} // namespace weir::internal
