#include <weir/node/report.hpp>
#include <weir/supervision/utc.hpp>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

namespace weir {

namespace {

using json = nlohmann::ordered_json; // keys in the order they are written down

double rounded(double value, double steps) { return std::round(value * steps) / steps; }

json to_json_value(const ledger_totals& ledger) {
  return {{"admitted", ledger.admitted},         {"replayed", ledger.replayed},
          {"acknowledged", ledger.acknowledged}, {"filtered", ledger.filtered},
          {"dropped", ledger.dropped},           {"dead_lettered", ledger.dead_lettered},
          {"in_flight", ledger.in_flight}};
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
  return {{"pipeline", pipeline.pipeline},
          {"elapsed_seconds", rounded(pipeline.elapsed_seconds, 1e6)},
          {"ledger", to_json_value(pipeline.ledger)},
          {"stages", std::move(stages)},
          {"dead_letter_causes", std::move(causes)},
          {"abandoned", std::move(abandoned)}};
}

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

std::string abandoned_text(const std::vector<abandoned_run>& abandoned, charset shown) {
  constexpr std::size_t lines_max = 10;
  std::string made = "  stuck, abandoned, and running until the process ends\n";
  for (std::size_t i = 0; i < std::min(abandoned.size(), lines_max); ++i)
    made += "    " + fitted(abandoned[i].worker, report_columns / 2, shown) + ", abandoned "
            + human_seconds(abandoned[i].seconds, shown) + " ago\n";
  if (abandoned.size() > lines_max)
    made += "    and " + human_count(abandoned.size() - lines_max) + " more\n";
  return made;
}

failure system_failure(const char* what) {
  return fatal(std::string{what} + ": " + std::strerror(errno));
}

/// Writes all of `text` to a file opened with `flags`, and, where asked for, to the disk.
result<void> write_file(const std::string& path, int flags, const std::string& text, bool synced) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666);
  if (file < 0)
    return system_failure("open");
  result<void> outcome;
  for (std::size_t written = 0; outcome && written < text.size();) {
    const auto count = ::write(file, text.data() + written, text.size() - written);
    if (count >= 0)
      written += static_cast<std::size_t>(count);
    else if (errno != EINTR)
      outcome = system_failure("write");
  }
  if (outcome && synced && ::fsync(file) != 0)
    outcome = system_failure("fsync");
  if (::close(file) != 0 && outcome)
    outcome = system_failure("close");
  return outcome;
}

result<void> replace_file(const std::string& path, const std::string& text) {
  const auto temporary =
      path + "." + std::to_string(::getpid()) + ".tmp"; // beside it: rename stays on one disk
  auto outcome = write_file(temporary, O_CREAT | O_TRUNC | O_NOFOLLOW, text, true);
  if (outcome && ::rename(temporary.c_str(), path.c_str()) != 0)
    outcome = system_failure("rename");
  if (!outcome)
    ::unlink(temporary.c_str());
  return outcome;
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
  if (report.deaths) {
    made["deaths"] = json::array();
    for (const auto& one : *report.deaths)
      made["deaths"].push_back({{"at", utc_text(one.at)},
                                {"pid", one.pid},
                                {"cause", cause_of_death(one.status)},
                                {"in_hand", one.in_hand}});
  }
  made["outcome"] = {{"exit_code", report.outcome.exit_code},
                     {"sentence", report.outcome.sentence}};
  return made.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string to_text(const run_report& report, charset shown) {
  std::string made;
  for (const auto& one : report.pipelines) {
    made += title_text(one, shown) + ledger_text(one.ledger) + "\n";
    if (!one.stages.empty())
      made += stages_text(one.stages, shown) + "\n";
    if (!one.dead_letter_causes.empty())
      made += causes_text(one.dead_letter_causes, shown) + "\n";
    if (!one.abandoned.empty())
      made += abandoned_text(one.abandoned, shown) + "\n";
  }
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

result<void> write_report(const std::string& path, const run_report& report) {
  struct stat there {};
  const bool replaces = ::lstat(path.c_str(), &there) != 0 || S_ISREG(there.st_mode);
  auto outcome = replaces ? replace_file(path, to_json(report))
                          : write_file(path, O_TRUNC, to_json(report), false);
  if (!outcome)
    return std::move(outcome).error().within("the report can't be written to '" + path + "'");
  return {};
}

} // namespace weir
