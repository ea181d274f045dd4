#pragma once

#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/batched_settlement.hpp>
#include <weir/mailbox/origin.hpp>
#include <weir/stages/item_trouble.hpp>
#include <weir/stages/outlet.hpp>
#include <weir/stages/runner.hpp>
#include <weir/stages/settle_members.hpp>
#include <weir/stages/sink.hpp>
#include <weir/stages/worker.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

/// How items leave a stage that has several of them in hand: into the next mailboxes, or settled by a sink.
namespace weir::internal {

/// How the items of a stage leave it: their outputs go into an outlet.
template <class In, class Out>
class flow_exit {
public:
  using output = Out;
  static constexpr bool settles = false;
  static constexpr outcome ends_as = outcome::filtered; // of an item without outputs

  explicit flow_exit(const ports& where) : out_{where.out.front()} {}

  bool ready() const { return out_.ready(); }
  bool flush() { return out_.flush(); }
  void close() { out_.close(); }
  void blocked_on(std::vector<ring_base*>& rings) const { out_.blocked_on(rings); }

  /// May throw what a key function throws.
  std::vector<std::size_t> lanes_of(const std::vector<Out>& outputs) const {
    std::vector<std::size_t> lanes;
    lanes.reserve(outputs.size());
    for (const auto& one : outputs)
      lanes.push_back(out_.lane_of(one));
    return lanes;
  }
  void leave(typed_run<In, Out>& run, origin from, const std::vector<std::size_t>& lanes,
             const item_trouble&, batched_settlement& settled, worker& self) {
    if (run.outputs.empty())
      settled.add(from);
    else
      self.books().share(from, static_cast<std::uint32_t>(run.outputs.size() - 1));
    put(run.outputs, from, lanes);
  }
  void put(std::vector<Out>& outputs, origin from, const std::vector<std::size_t>& lanes) {
    for (std::size_t k = 0; k < outputs.size(); ++k)
      out_.put(std::move(outputs[k]), from, lanes[k]);
    outputs.clear();
  }

private:
  outlet<Out> out_;
};

/// How the items of a sink end: they are settled. The output of a batch is its outcome.
template <class In, class Out>
class sink_exit {
public:
  using output = Out;
  static constexpr bool settles = true;
  static constexpr outcome ends_as = outcome::acknowledged;

  explicit sink_exit(const ports&) {}

  static constexpr bool ready() { return true; }
  static constexpr bool flush() { return true; }
  void close() {}
  void blocked_on(std::vector<ring_base*>&) const {}

  std::vector<std::size_t> lanes_of(const std::vector<Out>&) const { return {}; }
  void leave(typed_run<In, Out>& run, origin from, const std::vector<std::size_t>&,
             const item_trouble& trouble, batched_settlement& settled, worker& self) {
    if constexpr (std::is_same_v<Out, batch_outcome>)
      settle_members(run.item, from, run.outputs.front(), trouble, self);
    else
      settled.add(from);
  }
  void put(std::vector<Out>&, origin, const std::vector<std::size_t>&) {}
};

} // namespace weir::internal
