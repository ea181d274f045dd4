#include <weir/stages/pipeline_services.hpp>

#include <weir/mailbox/require.hpp>
#include <weir/stages/position_store.hpp>
#include <weir/supervision/flight_recorder.hpp>

#include <utility>

namespace weir::internal {

result<void> pipeline_services::claim(std::span<partition_opening* const> partitions) const {
  if (!positions || partitions.empty())
    return {};
  std::vector<std::string> names;
  names.reserve(partitions.size());
  for (const auto* one : partitions)
    names.push_back(one->from.partition);
  auto claimed = positions->claim(pipeline, names);
  if (!claimed)
    return std::move(claimed.error());
  for (std::size_t k = 0; k < partitions.size(); ++k) {
    auto& known = (*claimed)[k];
    if (known.position == 0 && known.beyond.empty())
      known.position = partitions[k]->from.position;
    partitions[k]->from = std::move(known);
  }
  return {};
}

result<std::uint32_t> pipeline_services::open_partition(partition_opening how) {
  const auto name = how.from.partition;
  auto* const opening = &how;
  if (auto claimed = claim(std::span{&opening, 1}); !claimed)
    return std::move(claimed.error()).within("partition '" + name + "' can't be opened");
  const auto resume_after = how.from.position;
  if (recorder != nullptr)
    how.key = flight_key(pipeline, name);
  const auto key = how.key;
  const auto index = books.open_partition(std::move(how));
  if (recorder != nullptr) {
    if (auto named = recorder->name_partition(pipeline, index, name); !named) {
      auto& made = books.partition_at(index);
      made.begin_close();
      books.give_back(index);
      books.partitions().forget(index);
      return std::move(named.error()).within("partition '" + name + "' can't be opened");
    }
    for (const auto stage : stage_keys)
      recorder->suspects().watch(stage, key, resume_after);
  }
  return index;
}

void pipeline_services::note_settled() const {
  require(recorder != nullptr,
          "pipeline_services: note_settled() is for where something is recorded");
  books.partitions().each([this](std::uint32_t, const partition& one) {
    if (one.now_is() != partition::state::closed)
      recorder->suspects().settled(one.key(), one.prefix_with({}));
  });
}

} // namespace weir::internal
