#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include <weir/mailbox/ledger.hpp>
#include <weir/node/input_progress.hpp>
#include <weir/node/terminal.hpp>

/// How far a run is, on one line of a terminal: bar, percent, done, rate, in flight, dead letters,
/// ETA.
///
///     ████████░░░░░░░░░░  41.0 %  4,100 done  498/s  1,024 in flight  12 dead letters  ETA 12 s
namespace weir::internal {

struct progress_snapshot {
  std::chrono::milliseconds elapsed{0};
  ledger_totals ledger = {};
  double rate = 0;                          ///< items settled a second, over the last interval
  std::optional<input_progress> input = {}; ///< nothing if the size isn't known: no bar, no ETA
};

/// The share of the input that is done, 0..1: what was read, less the part of it that is still in
/// flight.
double done_share(const progress_snapshot& snapshot);

/// The time left, if the rest goes as fast as this run went so far; nothing before there is
/// something to go by.
std::optional<std::chrono::seconds> time_left(const progress_snapshot& snapshot);

/// One line of at most `columns`. What doesn't fit is left out, the least telling first; the bar
/// takes the room that is left. Without an input of known size the time so far stands in the place
/// of the ETA.
std::string progress_line(const progress_snapshot& snapshot, std::size_t columns, charset shown);

/// Keeps that line on a terminal, always the last one.
///
/// Owner: one thread.
/// Failure: none; what can't be written isn't.
class progress {
public:
  struct options {
    bool terminal =
        false; ///< `isatty` of where `out` goes; without a terminal nothing is ever written
    std::size_t columns = 100; ///< of the terminal
    charset shown = charset::utf8;
  };

  progress(std::ostream& out, options how) : out_{out}, how_{how} {}
  /// Takes the line off the terminal.
  ~progress() { erase(); }
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// Shows how far it is after `elapsed`. The rate is that since the last update.
  void update(std::chrono::milliseconds elapsed, const ledger_totals& ledger,
              const std::optional<input_progress>& input = {});

  /// Takes the line off the terminal, before something else is written there; the next update puts
  /// it back.
  void erase();

private:
  std::ostream& out_;
  const options how_;
  bool shown_ = false;
  std::chrono::milliseconds last_elapsed_{0};
  std::uint64_t last_settled_ = 0;
  double rate_ = 0;
};

} // namespace weir::internal
