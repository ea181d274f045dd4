#include <weir/node/exit_codes.hpp>
#include <weir/node/run_verdict.hpp>

#include <algorithm>
#include <string>

namespace weir::internal {

run_outcome verdict_on(const run_facts& run) {
  if (run.not_started)
    return {exit_codes::failed, "did not start: " + run.not_started->message()};
  if (!run.stuck && (!run.ledger.balanced() || !run.balanced || run.settled_twice))
    return {exit_codes::not_balanced,
            "the ledger does not balance: " + to_string(run.ledger)
                + (run.settled_twice ? "; an item was settled twice" : "")};
  const auto in_flight =
      run.ledger.in_flight - std::min(run.ledger.in_flight, run.in_flight_before);
  const auto left = in_flight == 0
                        ? std::string{}
                        : " (" + std::to_string(in_flight)
                              + " in flight were not acknowledged: the source delivers them again)";
  if (run.failed)
    return {exit_codes::failed, "failed: " + run.failed->message() + left};
  if (run.aborting) {
    if (run.children_killed > 0)
      return {exit_codes::left_over, "aborted" + left + ": " + std::to_string(run.children_killed)
                                         + (run.children_killed == 1 ? " child" : " children")
                                         + " did not stop in time"};
    if (in_flight == 0 && !run.stuck)
      return {exit_codes::ok, "aborted with nothing in flight"};
    return {exit_codes::left_over, "aborted" + left};
  }
  if (in_flight > 0)
    return {exit_codes::left_over, "ended" + left};
  return {exit_codes::ok, run.draining ? "drained and balanced" : "finished and balanced"};
}

} // namespace weir::internal
