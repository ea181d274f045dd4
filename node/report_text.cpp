#include <weir/node/report_text.hpp>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace weir::internal {

namespace {

std::string share_text(double share) {
  return std::isfinite(share) ? std::to_string(std::lround(share * 100)) + " %" : "-";
}

std::string latency_text(double seconds, charset shown) {
  return seconds > 0 ? human_seconds(seconds, shown) : "-";
}

std::string rule(charset shown) {
  std::string made;
  for (std::size_t column = 0; column < report_columns; ++column)
    made += shown == charset::utf8 ? "─" : "-";
  return made + "\n";
}

std::string title_text(const pipeline_report& pipeline, charset shown) {
  const auto per_second =
      pipeline.elapsed_seconds > 0
          ? static_cast<double>(pipeline.ledger.settled()) / pipeline.elapsed_seconds
          : 0.0;
  const auto right = human_seconds(pipeline.elapsed_seconds, shown) + ", "
                     + human_count(static_cast<std::uint64_t>(std::llround(per_second)))
                     + " items/s";
  const auto left = report_columns - columns_of(right) - 1;
  return padded_right(fitted(pipeline.pipeline, left, shown), left) + " " + right + "\n"
         + rule(shown);
}

/// Both sides of the ledger, as an accountant writes them: what came in, and where it is.
std::string ledger_text(const ledger_totals& ledger) {
  struct line {
    const char* in;
    std::string in_count;
    const char* out;
    std::uint64_t out_count;
  };
  const line lines[] = {
      {"admitted", human_count(ledger.admitted), "acknowledged", ledger.acknowledged},
      {"replayed", human_count(ledger.replayed), "filtered", ledger.filtered},
      {"", "", "dropped", ledger.dropped},
      {"", "", "dead-lettered", ledger.dead_lettered},
      {"", "", "returned", ledger.returned},
      {"", "", "in flight", ledger.in_flight},
      {"", human_count(ledger.entered()), "", ledger.settled() + ledger.in_flight},
  };
  constexpr std::size_t name_columns = 15;
  constexpr std::size_t count_columns = 18;
  std::string made;
  for (const auto& [in, in_count, out, out_count] : lines) {
    made += "  " + padded_right(in, name_columns) + padded_left(in_count, count_columns) + "     "
            + padded_right(out, name_columns) + padded_left(human_count(out_count), count_columns)
            + "   ";
    if (*out != '\0')
      made += padded_left(human_share(out_count, ledger.entered()), 8) + "\n";
  }
  if (ledger.balanced())
    return made + "balanced\n";
  return made + human_count(ledger.imbalance())
         + (ledger.difference() > 0 ? " NOT ACCOUNTED FOR\n" : " COUNTED TWICE\n");
}

std::string stages_text(const std::vector<stage_report>& stages, charset shown) {
  constexpr std::size_t name_max = 18;
  constexpr std::size_t bar_column = 5;
  constexpr std::size_t gap = 2;
  std::vector<std::vector<std::string>> rows{
      {"stage", "processed", "failed", "restarts", "busy", "", "p50", "p99", "backlog max"}};
  for (const auto& one : stages)
    rows.push_back({fitted(one.stage, name_max, shown), human_count(one.processed),
                    human_count(one.failed), human_count(one.restarts), share_text(one.busy), "",
                    latency_text(one.latency.p50, shown), latency_text(one.latency.p99, shown),
                    one.mailbox_capacity == 0
                        ? "-"
                        : human_count(one.backlog_max) + "/" + human_count(one.mailbox_capacity)});
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], columns_of(row[i]));
  std::size_t taken = 0;
  for (const auto width : widths)
    taken += width + gap;
  widths[bar_column] =
      std::clamp<std::size_t>(report_columns - std::min(taken, report_columns), 8, 24);
  for (std::size_t i = 0; i < stages.size(); ++i)
    rows[i + 1][bar_column] =
        bar({{stages[i].busy, "█", '#'}, {stages[i].blocked, "▒", '='}, {stages[i].idle, "░", '.'}},
            widths[bar_column], shown);
  std::string made;
  for (const auto& row : rows) {
    made += "  " + padded_right(row.front(), widths.front());
    for (std::size_t i = 1; i < row.size(); ++i)
      made += std::string(gap, ' ') + padded_left(row[i], widths[i]);
    made += "\n";
  }
  return made
         + (shown == charset::utf8 ? "  █ busy  ▒ blocked, without credit  ░ idle\n"
                                   : "  # busy  = blocked, without credit  . idle\n");
}

std::string causes_text(const std::vector<dead_letter_cause>& causes, charset shown) {
  constexpr std::size_t lines_max = 10;
  constexpr std::size_t count_columns = 11;
  std::string made = "  dead letters\n";
  for (std::size_t i = 0; i < std::min(causes.size(), lines_max); ++i) {
    const auto start = padded_left(human_count(causes[i].count), count_columns) + "  ";
    const auto text = causes[i].stage + ": " + causes[i].cause;
    made += start + fitted(text, report_columns - columns_of(start), shown) + "\n";
  }
  if (causes.size() > lines_max)
    made += std::string(count_columns + 2, ' ') + "and " + human_count(causes.size() - lines_max)
            + " more causes\n";
  return made;
}

/// A title, and a line for each of the first ten, which `line` writes.
template <class One, class Line>
std::string first_of(const std::string& title, const std::vector<One>& all, Line line) {
  constexpr std::size_t lines_max = 10;
  auto made = "  " + title + "\n";
  for (std::size_t i = 0; i < std::min(all.size(), lines_max); ++i)
    made += "    " + line(all[i]) + "\n";
  if (all.size() > lines_max)
    made += "    and " + human_count(all.size() - lines_max) + " more\n";
  return made;
}

std::string abandoned_text(const std::vector<abandoned_run>& abandoned, charset shown) {
  return first_of("stuck, abandoned, and running until the process ends", abandoned,
                  [shown](const abandoned_run& one) {
                    return fitted(one.worker, report_columns / 2, shown) + ", abandoned "
                           + human_seconds(one.seconds, shown) + " ago";
                  });
}

std::string hanging_text(const std::vector<hanging_worker>& hanging, charset shown) {
  return first_of("in a call that has not returned", hanging, [shown](const hanging_worker& one) {
    return fitted(one.worker, report_columns / 2, shown) + ", busy for "
           + human_seconds(one.seconds, shown);
  });
}

std::string pipeline_text(const pipeline_report& one, charset shown) {
  auto made = title_text(one, shown) + ledger_text(one.ledger) + "\n";
  if (!one.stages.empty())
    made += stages_text(one.stages, shown) + "\n";
  if (!one.dead_letter_causes.empty())
    made += causes_text(one.dead_letter_causes, shown) + "\n";
  if (!one.abandoned.empty())
    made += abandoned_text(one.abandoned, shown) + "\n";
  if (!one.hanging.empty())
    made += hanging_text(one.hanging, shown) + "\n";
  return made;
}

/// A line for each child, and one below it for its last failure; then its pipelines.
std::string tree_text(const tree_report& tree, charset shown) {
  constexpr std::size_t path_max = 48;
  constexpr std::size_t state_columns = 11;
  constexpr std::size_t count_columns = 10;
  const auto failure_line = [&](const std::string& why) {
    return why.empty() ? std::string{} : fitted("    failed: " + why, report_columns, shown) + "\n";
  };
  auto made = fitted("tree " + tree.tree + ": " + tree.state, report_columns, shown) + "\n"
              + failure_line(tree.last_failure);
  std::size_t path_columns = std::string_view{"child"}.size();
  for (const auto& one : tree.children)
    path_columns = std::max(path_columns, columns_of(fitted(one.path, path_max, shown)));
  made += "  " + padded_right("child", path_columns) + "  " + padded_right("state", state_columns)
          + padded_left("starts", count_columns) + padded_left("restarts", count_columns)
          + padded_left("failures", count_columns) + "\n";
  for (const auto& one : tree.children)
    made += "  " + padded_right(fitted(one.path, path_max, shown), path_columns) + "  "
            + padded_right(one.state, state_columns)
            + padded_left(human_count(one.starts), count_columns)
            + padded_left(human_count(one.restarts), count_columns)
            + padded_left(human_count(one.failures), count_columns) + "\n"
            + failure_line(one.last_failure);
  if (tree.children_left_out > 0)
    made += "  and more children, which were not counted\n";
  made += "\n";
  for (const auto& one : tree.children) {
    if (!one.pipeline)
      continue;
    if (one.lives > 1)
      made +=
          fitted(one.path + ": " + human_count(one.lives) + " lives, the ledger is of all of them; "
                     + human_count(one.in_flight_before) + " in flight when an earlier one ended",
                 report_columns, shown)
          + "\n";
    made += pipeline_text(*one.pipeline, shown);
  }
  return made;
}

} // namespace

std::string to_text(const run_report& report, charset shown) {
  std::string made;
  for (const auto& one : report.pipelines)
    made += pipeline_text(one, shown);
  for (const auto& one : report.trees)
    made += tree_text(one, shown);
  if (report.deaths)
    for (const auto& one : *report.deaths)
      made += fitted("process " + std::to_string(one.pid)
                         + " before this one: " + cause_of_death(one.status)
                         + (one.in_hand.empty() ? "" : "; in hand: " + one.in_hand),
                     report_columns, shown)
              + "\n";
  const auto& [exit_code, sentence] = report.outcome;
  return made + "exit " + std::to_string(exit_code) + ": " + sentence + "\n";
}

} // namespace weir::internal
