#pragma once

#include <weir/actors/runtime.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/dead_letters/replay_settings.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

/// Replay: dead letters go back into a running pipeline, at the stage that failed them.
namespace weir {

struct replay_options {
  rate_limit rate = {}; ///< letters put in; no limit but credit by default
  std::uint32_t replays_max =
      3;                  ///< the loop guard: letters that failed again so often are left out
  bool forced = false;    ///< they are not
  bool dry_run = false;   ///< says what would happen, and why they are dead letters; nothing does
  bool check_type = true; ///< as replay_settings::check_type
  std::string who = "pipeline"; ///< for the audit
};

/// What came of a replay, so far or in the end.
struct replay_outcome {
  std::uint64_t requested = 0; ///< asked for with this replay
  std::uint64_t under_way = 0; ///< had been asked for, or were being replayed
  std::uint64_t too_often = 0; ///< left out by the loop guard

  std::uint64_t succeeded = 0;    ///< went through to an end, and are no dead letters any more
  std::uint64_t failed_again = 0; ///< are dead letters again
  std::uint64_t unreadable = 0;   ///< stay, as no item could be made of them: see `reasons`
  std::uint64_t held_back = 0;    ///< stay, as an earlier letter of their key stays
  std::uint64_t given_back = 0;   ///< still requested: the pipeline ended before their turn

  std::vector<std::string> reasons;      ///< of what stays, at most reasons_max
  std::vector<dead_letter_count> causes; ///< of a dry run: of all letters that match
  std::optional<failure> why;            ///< the store did not answer

  static constexpr std::size_t reasons_max = 100;
};

/// "3 requested: 2 succeeded, 1 failed again", for a log.
std::string to_string(const replay_outcome& outcome);

/// A replay that was asked for, while it goes on and after. Any thread; not beyond the life of the node.
class replay_run {
public:
  replay_run(runtime& node, dead_letter_filter which, replay_options how)
      : node_{node}, filter_{std::move(which)}, options_{std::move(how)} {}

  const dead_letter_filter& filter() const noexcept { return filter_; }
  const replay_options& options() const noexcept { return options_; }

  bool finished() const {
    const std::lock_guard lock{lock_};
    return finished_;
  }
  replay_outcome outcome() const {
    const std::lock_guard lock{lock_};
    return outcome_;
  }
  /// Waits until it has finished; false if it has not by then. Not from a turn.
  bool wait_until(time_point deadline) {
    std::unique_lock lock{lock_};
    return node_.wait(lock, changed_, deadline, [this] { return finished_; });
  }

  // --- for the replay actor ---
  template <class Change>
  void change(Change what) {
    const std::lock_guard lock{lock_};
    what(outcome_);
  }
  void finish() {
    const std::lock_guard lock{lock_};
    finished_ = true;
    changed_.notify_all();
  }

private:
  runtime& node_;
  const dead_letter_filter filter_;
  const replay_options options_;
  mutable std::mutex lock_; // guards what follows
  std::condition_variable changed_;
  replay_outcome outcome_;
  bool finished_ = false;
};

} // namespace weir
