#pragma once

#include "faults.hpp"
#include "thing.hpp"

#include <weir/pipeline/pipeline.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace simulation {

/// What a shrunk case leaves out.
struct reduction {
  std::optional<std::uint32_t> items;       ///< of each source
  std::array<bool, faults_count> without{}; ///< faults
  std::vector<bool> segments{};             ///< true: left out
  bool simple_schedule = false; ///< turns in the order they were asked for, whole slices
};

enum class segment_kind : std::uint8_t {
  map,
  map_noexcept,
  filter,
  emit,
  wait,
  count, ///< with a state that is kept
  broadcast,
  route,
  key_by,
  batch,
  count_
};

/// One step of the pipeline: a stage, or a pair of branches, or lanes that are merged again.
struct segment {
  segment_kind kind = segment_kind::map;
  weir::stage_options options{};
  weir::batch_options batch{}; ///< of batch
  std::chrono::milliseconds hold{
      0};                     ///< of count: it says on a timer how many there were; 0: it doesn't
  std::uint64_t held_max = 0; ///< of hold_key; 0: it has none
};

/// What ends a flow.
struct sink_options {
  bool batched = false;
  weir::batch_options batch{};
  weir::stage_options stage{};
  std::uint64_t held_max = 0; ///< as of segments
  bool late = false;          ///< it settles later
};

/// How there are two sinks: each gets everything, or its share.
enum class fork_kind : std::uint8_t { none, broadcast, route };

/// Which stage of the pipeline: its segment and its leg. The sink lies behind the last segment; of two, the router
/// does, and they are its legs.
struct place {
  std::size_t segment = 0;
  std::size_t leg =
      0; ///< of branches: 0 is the router, 1 and 2 the branches; of sources: which one
  auto operator<=>(const place&) const = default;
};
inline constexpr std::size_t no_segment = 1000; ///< of sources
inline place source_place(std::size_t source) { return {no_segment, source}; }

/// Everything that is drawn from the seed but the schedule and the faults: the graph, its options, the items.
struct scenario {
  std::uint64_t seed = 0;
  std::size_t sources = 1;
  std::uint32_t items = 0;                     ///< of each source
  std::array<std::uint32_t, 3> times{1, 1, 1}; ///< what is in a source is so many times as much
  std::optional<std::size_t> slow_source{};    ///< it has nothing for a while after each item
  bool partitioned =
      false; ///< there is one source, which opens and closes the others as its partitions
  std::uint64_t stride = 1; ///< between the positions of neighbours in a source
  std::vector<segment> segments;
  fork_kind fork = fork_kind::none;
  std::array<sink_options, 2> sinks{}; ///< the second one with a fork
  bool shares_batches = false;         ///< both sinks get copies of the same batches
  weir::supervision_options supervision{};
  std::uint32_t letters_waiting_max = 256; ///< on their way to the store
  std::size_t chaos_steps = 0;             ///< after that nothing goes wrong any more
  std::size_t replay_chaos_steps = 0;      ///< but for so many steps of the replay of all letters
  bool keeps_order = true;                 ///< of the items of one key and branch

  static scenario drawn(std::uint64_t seed, const reduction& without = {});

  std::string describe() const;

  std::uint32_t items_of(std::size_t source) const { return items * times[source]; }
  std::uint64_t position_of(std::uint32_t id) const { return (id & 0xFFFFFFU) * stride; }

  /// Is it a sink?
  bool ends_at(place at) const {
    return at.segment == segments.size() && (fork == fork_kind::none) == (at.leg == 0);
  }
  const sink_options& sink_at(place at) const { return sinks[at.leg == 2 ? 1 : 0]; }
  std::vector<place> sink_places() const;
  /// As the stage there has them.
  weir::stage_options options_at(place at) const;
  /// Do runs go on there while the worker's turns are over?
  bool runs_outside(place at) const;
  /// Is what has failed there not always reported at once, as what came before it is run again first?
  bool runs_again(place at) const;
  /// Is it told at once where something succeeds there? Not where no function of ours runs.
  bool is_seen(place at) const;
  bool has_batches() const;
  /// Do the items of one key and branch come there in their order?
  bool keeps_order_before(place at) const;
  /// How many letters its held keys may have; 0: it has no hold_key.
  std::uint64_t held_max_at(place at) const;
  bool has_held_keys() const;
  /// Does each row come from one item, so that the rows of one that changes hands can be told from all others?
  bool may_change_hands() const;
  /// Does each item lead to one row at most, which is stored with its position?
  bool is_exact() const;
  /// The only stage behind it, where that takes single items one by one in functions of ours.
  std::optional<place> next_of_items(place at) const;
};

std::optional<place> place_of(const scenario& of, std::string_view stage);
std::string stage_name(const scenario& of, place where);

/// What the stages do with a thing: functions of it and their place alone, so that what must come out is known.
thing mapped(thing in, std::size_t segment, std::size_t leg);
bool is_kept(const thing& in, std::size_t segment);
std::size_t emitted_count(const thing& in, std::size_t segment);
thing emitted(thing in, std::size_t segment, std::size_t index);
bool goes_left(const thing& in, std::size_t segment);
inline std::size_t key_of(const thing& in) { return in.id % 5; }
/// Of hold_key. One in five items has none.
inline std::string hold_key_of(const thing& in) {
  return key_of(in) == 0 ? std::string{} : "k" + std::to_string(key_of(in));
}

/// All that becomes of `in`, from the stage at `from` on, that stage included.
std::vector<thing> outcomes(const scenario& of, thing in, place from);

} // namespace simulation
