#pragma once

#include "scenario.hpp"
#include "thing.hpp"

#include <weir/actors/clock.hpp>
#include <weir/mailbox/partition_point.hpp>
#include <weir/stages/settlement.hpp>
#include <weir/stages/sink.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace simulation {

class world;

/// What sinks that settle later were given and have not settled. Here is decided what becomes of it.
///
/// They are the oracle's, so they outlive sinks, pipelines and nodes, as answers of a store do.
class late_calls {
public:
  late_calls(const scenario& of, world& in) : of_{of}, in_{in} {}

  /// Whose call it was: a worker's sink, which is another one after each restart.
  struct sink_id {
    place at;
    std::uint32_t worker = 0;
    std::uint64_t life = 0;
    auto operator<=>(const sink_id&) const = default;
  };
  struct call {
    sink_id whose;
    std::vector<thing> items; ///< one, or those of a batch
    std::vector<thing> rows;  ///< of those that are not rejected
    std::vector<weir::partition_point> points;
    weir::batch_outcome outcome{};
    weir::settlement token;
    weir::clock::time_point began{};
    bool never = false; ///< it is not settled within its time
  };

  /// A fresh sink of that worker.
  sink_id begins(place at, std::uint32_t worker);
  void add(call one);
  /// It is thrown away: what it has in hand is let go, or goes on elsewhere.
  void ends(const sink_id& one);
  /// What this sink has in hand, as far as it is settled at all.
  void settle_all(const sink_id& one);

  /// Is something there that will be settled before its time is over? After faults are over, everything is.
  bool any() const;
  /// The one of that number of them, modulo how many there are.
  void settle(std::size_t which);
  void begin_life();

private:
  bool settles(const call& one) const;
  /// Does its worker wait for it?
  bool counts(const call& one) const;
  void settle(call one);
  std::optional<weir::failure> store(call& one);

  const scenario& of_;
  world& in_;
  std::vector<call> open_;
  std::map<std::pair<place, std::uint32_t>, std::uint64_t> lives_;
};

} // namespace simulation
