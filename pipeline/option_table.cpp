#include <weir/mailbox/partition.hpp>
#include <weir/mailbox/ring.hpp>
#include <weir/pipeline/option_table.hpp>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace weir::internal {

namespace {

constexpr double no_bound = std::numeric_limits<double>::infinity();
constexpr auto longest = static_cast<double>(std::chrono::milliseconds{duration_max}.count());
constexpr double capacity_max = ring_base::capacity_max;

double count(std::uint64_t items) { return static_cast<double>(items); }
double ms(std::chrono::milliseconds time) { return static_cast<double>(time.count()); }

constexpr std::array stage_rows{
    bounded_option<stage_options>{
        "workers", "", [](const stage_options& o) { return count(o.workers); }, 1, workers_max,
        "instances of the function, each with a mailbox of its own. A source has one"},
    bounded_option<stage_options>{"mailbox_capacity", "items",
                                  [](const stage_options& o) { return count(o.mailbox_capacity); },
                                  1, capacity_max,
                                  "for each worker, shared equally among the workers before it"},
    bounded_option<stage_options>{
        "retry.attempts", "", [](const stage_options& o) { return count(o.retry.attempts); }, 1,
        no_bound, "runs of one item, the first included; `weir::unlimited`"},
    bounded_option<stage_options>{
        "retry.immediate", "", [](const stage_options& o) { return count(o.retry.immediate); }, 0,
        no_bound,
        "retries of a transient failure that come at once; the back-off begins behind them. None "
        "where the failure has a `retry_after`"},
    bounded_option<stage_options>{"retry.delay_min", "ms",
                                  [](const stage_options& o) { return ms(o.retry.delay_min); }, 0,
                                  longest, "the first delay of the back-off"},
    bounded_option<stage_options>{
        "retry.delay_max", "ms", [](const stage_options& o) { return ms(o.retry.delay_max); }, 0,
        longest, "the longest delay of the back-off; not less than `retry.delay_min`"},
    bounded_option<stage_options>{"retry.factor", "",
                                  [](const stage_options& o) { return o.retry.factor; }, 1,
                                  no_bound, "by which each delay is longer than the one before"},
    bounded_option<stage_options>{"retry.jitter", "",
                                  [](const stage_options& o) { return o.retry.jitter; }, 0, 1,
                                  "share of a delay by which it is shorter or longer at random"},
    bounded_option<stage_options>{"in_flight_max", "items",
                                  [](const stage_options& o) { return count(o.in_flight_max); }, 1,
                                  capacity_max,
                                  "in hand at a time, for each worker; not more than "
                                  "`mailbox_capacity`. For awaitable stages, "
                                  "functions, sinks of single items, and sinks that settle later"},
    bounded_option<stage_options>{
        "rate.permits", "", [](const stage_options& o) { return count(o.rate.permits); }, 0,
        no_bound, "runs of items in `rate.per`, retries included, over all workers", "no limit"},
    bounded_option<stage_options>{
        "rate.per", "ms", [](const stage_options& o) { return ms(o.rate.per); }, 1, longest,
        "in any window of length w there are at most burst + w · permits / per runs"},
    bounded_option<stage_options>{
        "rate.burst", "", [](const stage_options& o) { return count(o.rate.burst); }, 0, no_bound,
        "permits that may have gathered while nothing happened"},
    bounded_option<stage_options>{
        "timeout", "ms", [](const stage_options& o) { return ms(o.timeout); }, 0, longest,
        "for one run, of what is awaitable and of sinks that settle later", "none"},
    bounded_option<stage_options>{
        "item_time_max", "ms", [](const stage_options& o) { return ms(o.item_time_max); }, 0,
        longest,
        "for one item without progress; then it is [stuck](#a-limit-on-the-time-for-one-item)",
        "none"},
    bounded_option<stage_options>{"outputs_max", "items",
                                  [](const stage_options& o) { return count(o.outputs_max); }, 1,
                                  no_bound, "outputs of one item; more than that fail it"},
};

constexpr std::array batch_rows{
    bounded_option<batch_options>{
        "size_max", "items", [](const batch_options& o) { return count(o.size_max); }, 1,
        partition::in_flight_max, "in one batch; not more than `mailbox_capacity`"},
    bounded_option<batch_options>{"delay_max", "ms",
                                  [](const batch_options& o) { return ms(o.delay_max); }, 0,
                                  longest, "after its first item a batch goes on, full or not"},
    bounded_option<batch_options>{"mailbox_capacity", "items",
                                  [](const batch_options& o) { return count(o.mailbox_capacity); },
                                  1, capacity_max, "shared equally among the workers before it"},
};

constexpr std::array supervision_rows{
    bounded_option<supervision_options>{
        "supervision.intensity", "restarts",
        [](const supervision_options& o) { return count(o.intensity); }, 0, no_bound,
        "within `supervision.period`; with more of them the supervisor escalates"},
    bounded_option<supervision_options>{"supervision.period", "ms",
                                        [](const supervision_options& o) { return ms(o.period); },
                                        1, longest, "the time in which restarts are counted"},
    bounded_option<supervision_options>{
        "supervision.delays.delay_min", "ms",
        [](const supervision_options& o) { return ms(o.delays.delay_min); }, 0, longest,
        "before the first restart"},
    bounded_option<supervision_options>{
        "supervision.delays.delay_max", "ms",
        [](const supervision_options& o) { return ms(o.delays.delay_max); }, 0, longest,
        "the longest delay; not less than `supervision.delays.delay_min`"},
    bounded_option<supervision_options>{
        "supervision.delays.factor", "",
        [](const supervision_options& o) { return o.delays.factor; }, 1, no_bound,
        "by which each delay is longer than the one before"},
    bounded_option<supervision_options>{
        "supervision.delays.jitter", "",
        [](const supervision_options& o) { return o.delays.jitter; }, 0, 1,
        "share of a delay by which it is shorter or longer at random"},
};

/// As people write it: "1,048,576", "0.2", "365 days".
std::string figure(double value, std::string_view unit) {
  if (unit == "ms" && value == longest) // duration_max
    return "365 days";
  std::array<char, 32> digits{};
  const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
  std::snprintf(digits.data(), digits.size(), whole ? "%.0f" : "%g", value);
  std::string text{digits.data()};
  if (whole)
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3)
      text.insert(static_cast<std::size_t>(at), ",");
  return unit.empty() ? text : text + " " + std::string{unit};
}

template <class Options>
std::vector<std::string> sentences(std::span<const bounded_option<Options>> rows,
                                   const Options& chosen) {
  std::vector<std::string> found;
  for (const auto& one : rows) {
    const auto value = one.value(chosen);
    if (value >= one.min && value <= one.max) // a NaN is neither
      continue;
    const auto bounds = one.max == no_bound ? "at least " + figure(one.min, {})
                                            : figure(one.min, {}) + " to "
                                                  + figure(one.max, one.unit == "ms" ? "ms" : "");
    found.push_back(std::string{one.name} + " must be " + bounds + ", not "
                    + figure(value, one.unit));
  }
  return found;
}

template <class Options>
std::string markdown(std::span<const bounded_option<Options>> rows) {
  std::string text = "| Option | Default | From | To | |\n|---|---|---|---|---|\n";
  for (const auto& one : rows) {
    const auto value = one.value(Options{});
    text += "| `" + std::string{one.name} + "` | " + figure(value, one.unit);
    if (!one.at_default.empty())
      text += ": " + std::string{one.at_default};
    text += " | " + figure(one.min, {}) + " | "
            + (one.max == no_bound ? "" : figure(one.max, one.unit == "ms" ? "ms" : "")) + " | "
            + std::string{one.meaning} + " |\n";
  }
  return text;
}

} // namespace

std::span<const bounded_option<stage_options>> stage_option_table() { return stage_rows; }
std::span<const bounded_option<batch_options>> batch_option_table() { return batch_rows; }
std::span<const bounded_option<supervision_options>> supervision_option_table() {
  return supervision_rows;
}

std::vector<std::string> out_of_bounds(const stage_options& chosen) {
  return sentences(stage_option_table(), chosen);
}
std::vector<std::string> out_of_bounds(const batch_options& chosen) {
  return sentences(batch_option_table(), chosen);
}
std::vector<std::string> out_of_bounds(const supervision_options& chosen) {
  return sentences(supervision_option_table(), chosen);
}

std::string stage_options_as_markdown() { return markdown(stage_option_table()); }
std::string batch_options_as_markdown() { return markdown(batch_option_table()); }
std::string supervision_options_as_markdown() { return markdown(supervision_option_table()); }

} // namespace weir::internal
