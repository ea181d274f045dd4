#include <weir/dead_letters/replay.hpp>

namespace weir {

std::string to_string(const replay_outcome& outcome) {
  auto text = std::to_string(outcome.requested) + " requested: " + std::to_string(outcome.succeeded)
              + " succeeded, " + std::to_string(outcome.failed_again) + " failed again";
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count > 0)
      text += ", " + std::to_string(count) + " " + what;
  };
  add(outcome.unreadable, "unreadable");
  add(outcome.held_back, "held back");
  add(outcome.given_back, "given back");
  add(outcome.under_way, "under way before");
  add(outcome.too_often, "replayed too often");
  if (outcome.why)
    text += "; " + outcome.why->message();
  return text;
}

} // namespace weir
