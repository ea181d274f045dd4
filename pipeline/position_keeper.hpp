#pragma once

#include <weir/actors/actor.hpp>
#include <weir/mailbox/partition_point.hpp>
#include <weir/stages/pipeline_services.hpp>
#include <weir/supervision/failure.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir::internal {

/// Stores how far the partitions of a pipeline are settled, once a second and at the end: for all that no sink stores
/// with its rows. On a thread of its own, as stores block.
///
/// Invariants: only positions are stored, without ranges beyond them: those belong to the transactions of a sink.
/// Failure: a store that fails is asked again a second later; meanwhile a crash costs more items that come twice. At the
/// end it is asked until it has stored, or the pipeline is aborted.
class position_keeper final : public actor {
public:
  /// `finished` is called in the last turn; `crash` says why if that is by a defect.
  position_keeper(pipeline_services& services,
                  std::function<void(std::optional<failure> crash)> finished);

  /// The workers have finished: stores what is left, and finishes. Any thread.
  void close();
  /// Finishes now. Any thread.
  void abort();

  activity turn() override;
  void crashed(failure why) noexcept override { crash_ = std::move(why).within("position keeper"); }
  void behind_last_turn() noexcept override { finished_(std::move(crash_)); }

private:
  enum class order { none, close, abort };

  std::vector<partition_point> news();
  result<void> store(const std::vector<partition_point>& points);

  pipeline_services& services_;
  const std::function<void(std::optional<failure>)> finished_;
  std::atomic<order> order_{order::none};

  // The actor's own.
  struct stored {
    std::uint64_t epoch = 0;
    std::uint64_t position = 0;
  };
  std::unordered_map<std::uint32_t, stored> stored_; // by the index of the partition
  std::vector<std::uint32_t> told_; // whose points `news` has found, in their order
  std::optional<failure> crash_;
};

} // namespace weir::internal
