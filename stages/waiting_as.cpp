#include <weir/stages/waiting_as.hpp>

namespace weir {

std::string_view to_string(waiting_as how) noexcept {
  switch (how) {
  case waiting_as::idle:
    return "idle";
  case waiting_as::blocked:
    return "blocked";
  case waiting_as::busy:
    return "busy";
  case waiting_as::in_hand:
    return "in_hand";
  case waiting_as::credit:
    return "credit";
  case waiting_as::permit:
    return "permit";
  case waiting_as::retry:
    return "retry";
  case waiting_as::letters:
    return "letters";
  case waiting_as::keys:
    return "keys";
  case waiting_as::suspects:
    return "suspects";
  case waiting_as::settlement:
    return "settlement";
  case waiting_as::demand:
    return "demand";
  case waiting_as::down:
    return "down";
  case waiting_as::paused:
    return "paused";
  }
  return "unknown";
}

} // namespace weir
