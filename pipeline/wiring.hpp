#pragma once

#include <weir/dead_letters/held_keys.hpp>
#include <weir/dead_letters/replay_stage.hpp>
#include <weir/pipeline/plan.hpp>
#include <weir/stages/stepper.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace weir::internal {

/// Which worker of a pipeline is connected with which, by which ring: made of the plan, before there are workers.
///
/// Owner: the running pipeline, while it starts.
/// Invariants: a ring leads from one worker to one worker. The rings into a worker share its stage's mailbox_capacity;
/// the one of the replay, which comes last, has a capacity of its own.
/// Failure: what can't be made throws.
class wiring {
public:
  /// A ring, and the stages and workers that it leads from and to.
  struct wire {
    std::shared_ptr<ring_base> ring;
    std::size_t from, from_worker, to, to_worker;
  };

  explicit wiring(const plan& of);

  /// Gives every worker of a stage that takes dead letters back one ring more, and returns the stages as the replay
  /// actor sees them. `keys` are the held keys of each stage, null without hold_key. At most once.
  std::vector<replay_stage> add_replay(std::span<held_keys* const> keys);

  /// The ports of each worker of that stage.
  std::span<const ports> ports_of(std::size_t stage) const { return ports_[stage]; }
  std::span<const wire> wires() const { return wires_; }

private:
  void lay(std::size_t edge);
  std::unique_ptr<replay_inlet> make_inlet(std::size_t stage);

  const plan& plan_;
  std::vector<std::vector<ports>> ports_; // of each stage's workers
  std::vector<wire> wires_;
};

} // namespace weir::internal
