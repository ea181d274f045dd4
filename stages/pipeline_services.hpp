#pragma once

#include <weir/actors/runtime.hpp>
#include <weir/mailbox/acknowledgement.hpp>
#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace weir::internal {

class dead_letter_actor;
class flight_recorder;
class replay_actor;

} // namespace weir::internal

namespace weir {

class position_store;

} // namespace weir

namespace weir::internal {

/// What the workers of one pipeline share.
/// Owner: the pipeline, which outlives them. It is set up before the first turn and read from any thread.
struct pipeline_services {
  runtime& node;
  std::string pipeline;
  acknowledgement books;
  dead_letter_actor* dead_letters = nullptr; ///< null where no stage can fail
  replay_actor* replays = nullptr;           ///< null where the dead letters can't be read
  std::stop_source stopping;
  flight_recorder* recorder = nullptr; ///< null: nothing is recorded
  std::vector<std::uint64_t> stage_keys =
      {}; ///< flight_key of each stage that has hands, where something is
  std::shared_ptr<position_store> positions =
      nullptr; ///< null: the sources say themselves where they begin

  /// Claims the partitions in the position store, which may block: they go on where that says, if it knows of them.
  /// Where there is no store they begin where they say.
  result<void> claim(std::span<partition_opening* const> partitions) const;
  /// Opens a partition while the pipeline runs, and claims it first. Throws what partition_table::open throws.
  result<std::uint32_t> open_partition(partition_opening how);

  /// Tells the recorder how far each partition is settled. Any thread; where something is recorded.
  void note_settled() const;
};

} // namespace weir::internal
