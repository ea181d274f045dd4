#pragma once

#include <weir/dead_letters/dead_letter.hpp>
#include <weir/dead_letters/replay_settings.hpp>
#include <weir/mailbox/position_marks.hpp>
#include <weir/pipeline/graph.hpp>
#include <weir/stages/partition_beginning.hpp>
#include <weir/stages/position_store.hpp>
#include <weir/stages/stepper.hpp>
#include <weir/stages/typed_replay_inlet.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// What a pipeline's builder leaves behind: the graph, and how to make its typed parts.
namespace weir::internal {

/// A source's partition, as its prototype names it.
struct partition_start {
  std::string name;
  std::uint64_t resume_after = 0;
  bool lasts = true; ///< its positions mean the same in another life
  bool keeps_outcomes = false;
  bool opened_later = false;                        ///< the source opens its partitions itself
  std::shared_ptr<const position_marks> marks = {}; ///< null: the source has none
  /// Null: it begins where `name` and `resume_after` say.
  std::function<result<partition_beginning>(const known_partitions&)> begins = {};
};

struct plan {
  using make_stepper =
      std::function<std::unique_ptr<stepper>(const ports& where, std::uint32_t partition)>;
  using make_ring = std::function<std::shared_ptr<ring_base>(std::size_t capacity)>;

  struct edge_parts {
    make_ring ring;
    std::shared_ptr<const void> key; ///< see outlet_ports
  };
  struct stage_parts {
    make_stepper make;
    std::function<partition_start()> partition; ///< of a source
    replay_parts replay = {};
    std::shared_ptr<const void> hold_key = {}; ///< see ports
    /// Of a sink: does it store points in its transactions, which go to this store?
    std::function<bool(const position_store&)> stores_points = {};
    bool idempotent =
        false; ///< of a sink: it takes a row that it has already without storing it again
  };

  weir::graph graph;
  std::vector<stage_parts> stages; ///< as graph.stages
  std::vector<edge_parts> edges;   ///< as graph.edges
  std::shared_ptr<dead_letter_store> dead_letters;
  std::shared_ptr<position_store> positions; ///< null: the sources say themselves where they begin
  replay_settings replay;
};

/// The plan that a flow adds to. A flow that was moved from still knows it, so that its second use is told.
class shared_plan {
public:
  shared_plan(std::shared_ptr<plan> where) noexcept : where_{std::move(where)} {}
  shared_plan(const shared_plan&) noexcept = default; // and no move
  shared_plan& operator=(const shared_plan&) noexcept = default;

  plan* operator->() const noexcept { return where_.get(); }
  friend bool operator==(const shared_plan&, const shared_plan&) = default;

private:
  std::shared_ptr<plan> where_;
};

} // namespace weir::internal
