#include <weir/node/progress.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ostream>
#include <vector>

namespace weir::internal {

namespace {

/// A part of the line, and how soon it goes when the terminal is narrow: the smallest first.
struct part {
  std::string text;
  int weight;
};

constexpr std::size_t gap = 2;
constexpr std::size_t bar_max = 30;
constexpr std::size_t bar_min = 8;

std::size_t columns_of(const std::vector<part>& parts) {
  std::size_t columns = 0;
  for (const auto& one : parts)
    columns += weir::internal::columns_of(one.text) + gap;
  return columns - std::min(columns, gap);
}

std::string percent(double share) {
  char text[32];
  // Rounded down: 100 % is said when it is so.
  std::snprintf(text, sizeof text, "%.1f %%", std::floor(std::clamp(share, 0.0, 1.0) * 1000) / 10);
  return text;
}

std::string per_second(double rate) {
  if (rate > 0 && rate < 9.95) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f/s", rate);
    return text;
  }
  return human_count(static_cast<std::uint64_t>(std::llround(std::clamp(rate, 0.0, 1e15)))) + "/s";
}

std::string whole_seconds(std::chrono::seconds time, charset shown) {
  using namespace std::chrono_literals;
  return time < 2min ? std::to_string(time.count()) + " s"
                     : human_seconds(static_cast<double>(time.count()), shown);
}

/// Bytes of this run's input that are done, from `bytes_at_start` on.
double bytes_done(const progress_snapshot& snapshot) {
  const auto& input = *snapshot.input;
  const auto here =
      static_cast<double>(input.bytes_read) - static_cast<double>(input.bytes_at_start);
  const auto settled = static_cast<double>(snapshot.ledger.settled());
  const auto known = settled + static_cast<double>(snapshot.ledger.in_flight);
  return known > 0 ? std::max(here, 0.0) * settled / known : 0.0;
}

} // namespace

double done_share(const progress_snapshot& snapshot) {
  if (!snapshot.input || snapshot.input->bytes_total == 0)
    return 0;
  const auto done = static_cast<double>(snapshot.input->bytes_at_start) + bytes_done(snapshot);
  return std::clamp(done / static_cast<double>(snapshot.input->bytes_total), 0.0, 1.0);
}

std::optional<std::chrono::seconds> time_left(const progress_snapshot& snapshot) {
  using namespace std::chrono_literals;
  constexpr auto foreseeable = 1e9; // seconds; beyond it there is nothing to say
  if (!snapshot.input || snapshot.elapsed < 1s)
    return std::nullopt;
  const auto done = bytes_done(snapshot);
  const auto& [read, total, start] = *snapshot.input;
  const auto left = std::max(static_cast<double>(total) - static_cast<double>(start) - done, 0.0);
  const auto seconds = std::chrono::duration<double>{snapshot.elapsed}.count() * left / done;
  if (!(seconds < foreseeable)) // also: nothing is done yet
    return std::nullopt;
  return std::chrono::seconds{static_cast<std::int64_t>(std::ceil(seconds))};
}

std::string progress_line(const progress_snapshot& snapshot, std::size_t columns, charset shown) {
  const auto& ledger = snapshot.ledger;
  std::vector<part> parts;
  if (snapshot.input)
    parts.push_back({percent(done_share(snapshot)), 6});
  parts.push_back({human_count(ledger.settled()) + " done", snapshot.input ? 1 : 5});
  parts.push_back({per_second(snapshot.rate), 4});
  parts.push_back({human_count(ledger.in_flight) + " in flight", 3});
  parts.push_back({human_count(ledger.dead_lettered)
                       + (ledger.dead_lettered == 1 ? " dead letter" : " dead letters"),
                   ledger.dead_lettered == 0 ? 0 : 5});
  const auto left = time_left(snapshot);
  if (left)
    parts.push_back({"ETA " + whole_seconds(*left, shown), 2});
  else if (!snapshot.input)
    parts.push_back(
        {whole_seconds(std::chrono::floor<std::chrono::seconds>(snapshot.elapsed), shown), 2});

  while (parts.size() > 1 && columns_of(parts) > columns)
    parts.erase(std::min_element(parts.begin(), parts.end(),
                                 [](const part& a, const part& b) { return a.weight < b.weight; }));
  std::string line;
  if (const auto taken = columns_of(parts) + gap; snapshot.input && taken + bar_min <= columns)
    line = bar({{done_share(snapshot), "█", '#'}, {1, "░", '.'}},
               std::min(columns - taken, bar_max), shown)
           + std::string(gap, ' ');
  for (const auto& one : parts)
    line += (&one == &parts.front() ? "" : std::string(gap, ' ')) + one.text;
  return fitted(line, columns, shown);
}

void progress::update(std::chrono::milliseconds elapsed, const ledger_totals& ledger,
                      const std::optional<input_progress>& input) {
  if (elapsed > last_elapsed_) {
    const auto settled = static_cast<double>(ledger.settled()) - static_cast<double>(last_settled_);
    rate_ = std::max(settled, 0.0) / std::chrono::duration<double>{elapsed - last_elapsed_}.count();
    last_elapsed_ = elapsed;
    last_settled_ = ledger.settled();
  }
  if (!how_.terminal)
    return;
  // One column stays free: the cursor of a full line is on the next one.
  // "\x1b[K" erases what an earlier, longer line left to the right (ECMA-48, EL).
  out_ << '\r'
       << progress_line({elapsed, ledger, rate_, input},
                        how_.columns - std::min<std::size_t>(how_.columns, 1), how_.shown)
       << "\x1b[K" << std::flush;
  shown_ = true;
}

void progress::erase() {
  if (shown_)
    out_ << "\r\x1b[K" << std::flush;
  shown_ = false;
}

} // namespace weir::internal
