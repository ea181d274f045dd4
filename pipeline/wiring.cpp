#include <weir/pipeline/wiring.hpp>

#include <utility>

namespace weir::internal {

namespace {

/// Finds the stages with hold_key behind each stage.
void find_keyed_behind(const graph& whole, std::span<held_keys* const> keys,
                       std::vector<replay_stage>& stages) {
  for (auto k = stages.size(); k-- > 0;) // a stage comes after those before it
    for (const auto& edge : whole.edges)
      if (edge.from == k) {
        auto& behind = stages[k].keyed_behind;
        behind.insert(stages[edge.to].keyed_behind.begin(), stages[edge.to].keyed_behind.end());
        if (keys[edge.to] != nullptr)
          behind.insert(edge.to);
      }
}

} // namespace

wiring::wiring(const plan& of) : plan_{of}, ports_(of.graph.stages.size()) {
  for (std::size_t k = 0; k < ports_.size(); ++k) {
    const auto& stage = plan_.graph.stages[k];
    ports_[k].resize(stage.options.workers);
    for (auto& one : ports_[k])
      one.out.resize(stage.legs);
  }
  for (std::size_t k = 0; k < plan_.graph.edges.size(); ++k)
    lay(k);
}

/// From each worker before the edge to each one behind it, or only to the one with the same number.
void wiring::lay(std::size_t edge_index) {
  const auto& graph = plan_.graph;
  const auto& edge = graph.edges[edge_index];
  const auto& parts = plan_.edges[edge_index];
  const auto& target = graph.stages[edge.to].options;
  const auto capacity = target.mailbox_capacity / graph.rings_into(edge.to);
  for (std::uint32_t from = 0; from < graph.stages[edge.from].options.workers; ++from) {
    auto& leg = ports_[edge.from][from].out[edge.leg];
    leg.how = edge.how;
    leg.key = parts.key;
    for (std::uint32_t to = 0; to < target.workers; ++to) {
      if (edge.how == spread::straight && from != to)
        continue;
      auto ring = parts.ring(capacity);
      leg.rings.push_back(ring);
      ports_[edge.to][to].in.push_back(ring);
      wires_.push_back({std::move(ring), edge.from, from, edge.to, to});
    }
  }
}

std::vector<replay_stage> wiring::add_replay(std::span<held_keys* const> keys) {
  const auto& graph = plan_.graph;
  std::vector<replay_stage> stages;
  for (std::size_t k = 0; k < graph.stages.size(); ++k) {
    for (auto& one : ports_[k])
      one.hold_key = plan_.stages[k].hold_key;
    stages.push_back({.name = graph.stages[k].name,
                      .input = graph.stages[k].input,
                      .inlet = make_inlet(k),
                      .keys = keys[k],
                      .inputs = keys[k] != nullptr ? ports_[k].size() : 0,
                      .keyed_behind = {}});
  }
  find_keyed_behind(graph, keys, stages);
  return stages;
}

/// Null where nothing can come back to the stage.
std::unique_ptr<replay_inlet> wiring::make_inlet(std::size_t stage) {
  const auto& graph = plan_.graph;
  const auto& parts = plan_.stages[stage].replay;
  if (!parts.ring || !graph.stages[stage].may_dead_letter())
    return nullptr;
  replay_ports where;
  for (std::size_t e = 0; e < graph.edges.size(); ++e)
    if (graph.edges[e].to == stage && graph.edges[e].how != spread::any) {
      where.how = graph.edges[e].how;
      where.key = plan_.edges[e].key;
    }
  for (auto& one : ports_[stage]) {
    where.rings.push_back(parts.ring());
    one.in.push_back(where.rings.back());
    one.replays = where.rings.back().get();
  }
  return parts.inlet(std::move(where));
}

} // namespace weir::internal
