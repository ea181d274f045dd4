#include <weir/node/report_json.hpp>
#include <weir/supervision/utc.hpp>

#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

namespace weir {

namespace {

using json = nlohmann::ordered_json; // keys in the order they are written down

double rounded(double value, double steps) { return std::round(value * steps) / steps; }

json to_json_value(const ledger_totals& ledger) {
  return {{"admitted", ledger.admitted},         {"replayed", ledger.replayed},
          {"acknowledged", ledger.acknowledged}, {"filtered", ledger.filtered},
          {"dropped", ledger.dropped},           {"dead_lettered", ledger.dead_lettered},
          {"returned", ledger.returned},         {"in_flight", ledger.in_flight}};
}

json to_json_value(const stage_report& stage) {
  constexpr double millionths = 1e6;
  constexpr double nanoseconds = 1e9;
  return {{"stage", stage.stage},
          {"processed", stage.processed},
          {"failed", stage.failed},
          {"restarts", stage.restarts},
          {"busy", rounded(stage.busy, millionths)},
          {"blocked", rounded(stage.blocked, millionths)},
          {"idle", rounded(stage.idle, millionths)},
          {"latency_seconds",
           {{"p50", rounded(stage.latency.p50, nanoseconds)},
            {"p99", rounded(stage.latency.p99, nanoseconds)}}},
          {"backlog_max", stage.backlog_max},
          {"mailbox_capacity", stage.mailbox_capacity}};
}

json to_json_value(const pipeline_report& pipeline) {
  auto stages = json::array();
  for (const auto& stage : pipeline.stages)
    stages.push_back(to_json_value(stage));
  auto causes = json::array();
  for (const auto& one : pipeline.dead_letter_causes)
    causes.push_back({{"stage", one.stage}, {"cause", one.cause}, {"count", one.count}});
  auto abandoned = json::array();
  for (const auto& one : pipeline.abandoned)
    abandoned.push_back(
        {{"stage", one.stage}, {"worker", one.worker}, {"seconds", rounded(one.seconds, 1e3)}});
  auto hanging = json::array();
  for (const auto& one : pipeline.hanging)
    hanging.push_back(
        {{"stage", one.stage}, {"worker", one.worker}, {"seconds", rounded(one.seconds, 1e3)}});
  return {{"pipeline", pipeline.pipeline},
          {"elapsed_seconds", rounded(pipeline.elapsed_seconds, 1e6)},
          {"ledger", to_json_value(pipeline.ledger)},
          {"stages", std::move(stages)},
          {"dead_letter_causes", std::move(causes)},
          {"abandoned", std::move(abandoned)},
          {"hanging", std::move(hanging)}};
}

json to_json_value(const tree_child_report& child) {
  json made{{"path", child.path},         {"state", child.state},
            {"starts", child.starts},     {"restarts", child.restarts},
            {"failures", child.failures}, {"last_failure", child.last_failure}};
  if (child.pipeline) {
    made["lives"] = child.lives;
    made["in_flight_before"] = child.in_flight_before;
    made["pipeline"] = to_json_value(*child.pipeline);
  }
  return made;
}

json to_json_value(const tree_report& tree) {
  auto children = json::array();
  for (const auto& one : tree.children)
    children.push_back(to_json_value(one));
  json made{{"tree", tree.tree},
            {"state", tree.state},
            {"last_failure", tree.last_failure},
            {"children", std::move(children)}};
  if (tree.children_left_out > 0)
    made["children_left_out"] = tree.children_left_out;
  return made;
}

} // namespace

std::string to_json(const run_report& report) {
  json made;
  if (report.pipelines.size() == 1) {
    made = to_json_value(report.pipelines.front());
  } else {
    made["pipelines"] = json::array();
    for (const auto& one : report.pipelines)
      made["pipelines"].push_back(to_json_value(one));
  }
  if (!report.trees.empty()) {
    made["trees"] = json::array();
    for (const auto& one : report.trees)
      made["trees"].push_back(to_json_value(one));
  }
  if (report.deaths) {
    made["deaths"] = json::array();
    for (const auto& one : *report.deaths)
      made["deaths"].push_back({{"at", utc_text(one.at)},
                                {"pid", one.pid},
                                {"cause", internal::cause_of_death(one.status)},
                                {"in_hand", one.in_hand}});
  }
  made["outcome"] = {{"exit_code", report.outcome.exit_code},
                     {"sentence", report.outcome.sentence}};
  return made.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace weir
