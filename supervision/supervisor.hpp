#pragma once

#include <weir/supervision/failure.hpp>
#include <weir/supervision/restart.hpp>
#include <weir/supervision/restart_window.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir {

struct child_spec {
  std::string name;
  weir::restart restart = restart::permanent;
};

/// What a supervisor wants done. Nothing is done here: the actor around it carries the steps out.
struct supervisor_step {
  enum class kind { start, stop, escalate };
  kind what;
  std::size_t child = 0; ///< of start and stop
  bool operator==(const supervisor_step&) const = default;
};

/// The decisions of a supervisor, as a state machine without threads, actors or a clock.
///
/// | child's state \ event | exited                  | stopped    | time is due         |
/// |-----------------------|-------------------------|------------|---------------------|
/// | running               | charge, then by strategy| –          | –                   |
/// | stopping              | → waiting               | → waiting  | –                   |
/// | waiting               | –                       | –          | start once none of its group is stopping |
/// | ended                 | –                       | –          | –                   |
///
/// Invariants: children are started in their order and stopped in the reverse; none is started while another of
/// the same restart is still stopping, so no old instance is alive beside a new one.
class supervisor {
public:
  supervisor(supervision_options options, std::vector<child_spec> children);

  /// A child ended by itself. `charge` is how many restarts to count (see blame); `random` is in [0, 1).
  std::vector<supervisor_step> exited(std::size_t child, exit_reason reason, std::uint32_t charge,
                                      failure why, time_point now, double random);
  /// A child ended because it had done all its work: it is never started again.
  void ended(std::size_t child) { children_[child].now = state::ended; }
  /// A child that was told to stop has stopped.
  std::vector<supervisor_step> stopped(std::size_t child, time_point now);
  /// A child did work again after a failure: what it was charged with is forgiven.
  void recovered(std::size_t child);
  /// Time has passed.
  std::vector<supervisor_step> due(time_point now);
  /// When `due` is next wanted.
  std::optional<time_point> next_due() const;

  /// After it escalated: why, as a chain from the child's failure.
  const std::optional<failure>& given_up() const { return given_up_; }
  std::uint64_t restarts(std::size_t child) const { return children_[child].restarts; }
  std::size_t charged(time_point now) { return window_.size(now); }

private:
  enum class state { running, stopping, waiting, ended };
  struct child_state {
    child_spec spec;
    state now = state::running;
    time_point due{};           // while waiting
    std::uint32_t in_a_row = 0; // restarts since it last did work
    std::uint64_t restarts = 0; // ever
  };

  std::vector<supervisor_step> start_what_is_due(time_point now);

  const supervision_options options_;
  std::vector<child_state> children_;
  restart_window window_;
  std::optional<failure> given_up_;
};

} // namespace weir
