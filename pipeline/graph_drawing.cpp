#include <weir/pipeline/graph.hpp>

#include <nlohmann/json.hpp>

#include <sstream>

namespace weir {

namespace {

nlohmann::ordered_json options_of(const graph_stage& one) {
  nlohmann::ordered_json options;
  const auto& chosen = one.options;
  options["workers"] = chosen.workers;
  if (one.kind != stage_kind::source)
    options["mailbox_capacity"] = chosen.mailbox_capacity;
  if (one.kind == stage_kind::batch) {
    options["size_max"] = one.batch.size_max;
    options["delay_max_ms"] = one.batch.delay_max.count();
    if (one.closed_by_item)
      options["closed_by_item"] = true;
  }
  if (one.may_fail) {
    options["retry"] = {{"immediate", chosen.retry.immediate},
                        {"delay_min_ms", chosen.retry.delay_min.count()},
                        {"delay_max_ms", chosen.retry.delay_max.count()}};
    if (chosen.retry.attempts == unlimited)
      options["retry"]["attempts"] = "unlimited";
    else
      options["retry"]["attempts"] = chosen.retry.attempts;
  }
  if (one.waits || chosen.in_flight_max > 1) {
    options["in_flight_max"] = chosen.in_flight_max;
    if (one.waits)
      options["timeout_ms"] = chosen.timeout.count();
    options["order"] = chosen.order == order::kept ? "kept" : "relaxed";
  }
  if (chosen.item_time_max.count() > 0)
    options["item_time_max_ms"] = chosen.item_time_max.count();
  if (chosen.rate.permits > 0)
    options["rate"] = {{"permits", chosen.rate.permits},
                       {"per_ms", chosen.rate.per.count()},
                       {"burst", chosen.rate.burst}};
  if (one.held_max)
    options["held_max"] = *one.held_max;
  options["execution"] = chosen.execution == execution::shared ? "shared" : "own_thread";
  return options;
}

} // namespace

std::string graph::to_json() const {
  nlohmann::ordered_json whole;
  whole["pipeline"] = name;
  whole["dead_letters"] = has_dead_letters;
  whole["stages"] = nlohmann::ordered_json::array();
  for (const auto& one : stages) {
    nlohmann::ordered_json stage{{"stage", one.name}, {"kind", to_string(one.kind)}};
    if (!one.input.empty())
      stage["input"] = one.input;
    if (!one.output.empty())
      stage["output"] = one.output;
    stage["may_fail"] = one.may_fail;
    stage["options"] = options_of(one);
    whole["stages"].push_back(std::move(stage));
  }
  whole["edges"] = nlohmann::ordered_json::array();
  for (const auto& edge : edges)
    whole["edges"].push_back({{"from", stages[edge.from].name},
                              {"leg", edge.leg},
                              {"to", stages[edge.to].name},
                              {"spread", to_string(edge.how)}});
  return whole.dump(2);
}

std::string graph::to_dot() const {
  std::ostringstream dot;
  const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
  dot << "digraph " << quoted(name) << " {\n  rankdir=LR;\n  node [shape=box];\n";
  for (const auto& one : stages) {
    auto label = one.name;
    if (one.options.workers > 1)
      label += " ×" + std::to_string(one.options.workers);
    const auto* shape = one.kind == stage_kind::source || one.kind == stage_kind::sink ? "cds"
                        : one.kind == stage_kind::batch                                ? "box3d"
                                                                                       : "box";
    dot << "  " << quoted(one.name) << " [label=" << quoted(label) << ", shape=" << shape << "];\n";
  }
  for (const auto& edge : edges) {
    dot << "  " << quoted(stages[edge.from].name) << " -> " << quoted(stages[edge.to].name)
        << " [label=" << quoted(std::to_string(stages[edge.to].options.mailbox_capacity));
    if (edge.how == internal::spread::by_key)
      dot << ", style=bold";
    dot << "];\n";
  }
  dot << "}\n";
  return dot.str();
}

} // namespace weir
