#pragma once

#include <weir/stages/batch.hpp>
#include <weir/stages/stage_options.hpp>
#include <weir/stages/stepper.hpp>
#include <weir/supervision/restart.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// A pipeline as plain data: what can be printed, validated and drawn before anything runs.
namespace weir {

enum class stage_kind { source, transform, batch, broadcast, route, sink };

std::string_view to_string(stage_kind kind) noexcept;
std::string_view to_string(internal::spread how) noexcept;

/// A stage as the builder has described it.
struct graph_stage {
  std::string name;
  stage_kind kind = stage_kind::transform;
  stage_options options;
  batch_options batch; ///< of a batch
  std::string input;   ///< type names; empty where there is none
  std::string output;
  bool may_fail = false; ///< it may throw, or return a failure
  /// May an item of it become a dead letter?
  bool may_dead_letter() const { return may_fail || options.item_time_max.count() > 0; }
  bool waits = false;        ///< awaitable, or settles_later
  bool side_by_side = false; ///< it may have several items in hand, as awaitable ones may
  std::uint32_t legs = 1;    ///< flows that leave it
  std::optional<std::uint64_t> held_max = {}; ///< of a stage with hold_key
  bool closed_by_item = false;                ///< a batch that an item may close
  bool settles_later = false;                 ///< a sink that is given settlements
};

/// A flow from one stage to another, which all their workers have their part in.
struct graph_edge {
  std::size_t from = 0; ///< index of a stage
  std::uint32_t leg = 0;
  std::size_t to = 0;
  internal::spread how = internal::spread::any;
};

/// The stages and flows of a pipeline, with all their options.
///
/// Invariants: the indices of edges are those of stages. Nothing else is sure before `problems` has found none.
struct graph {
  std::string name;
  std::vector<graph_stage>
      stages; ///< in the order they were added: a stage comes after those before it
  std::vector<graph_edge> edges;
  bool has_dead_letters = false;
  supervision_options supervision;
  std::vector<std::string> mistakes = {}; ///< found while it was built, a sentence each

  /// What keeps it from running, a sentence each; empty if nothing does.
  std::vector<std::string> problems() const;

  /// All that is known of it, as JSON; and a drawing for Graphviz.
  std::string to_json() const;
  std::string to_dot() const;

  /// How many rings lead to each worker of a stage; without that of the replay.
  std::uint32_t rings_into(std::size_t stage) const;
};

} // namespace weir

namespace weir::internal {

inline constexpr std::size_t name_length_max = 63;

/// A name has a-z, 0-9, '-', '_' and '.', beginning with a letter; at most name_length_max characters.
bool is_name(std::string_view text);

} // namespace weir::internal
