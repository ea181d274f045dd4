#include <weir/actors/child_event.hpp>

namespace weir {

std::string_view to_string(child_event::kind kind) noexcept {
  using enum child_event::kind;
  switch (kind) {
  case started:
    return "started";
  case ignored:
    return "ignored";
  case ended:
    return "ended";
  case failed:
    return "failed";
  case killed:
    return "killed";
  case abandoned:
    return "abandoned";
  case escalated:
    return "escalated";
  case shut_down:
    break;
  }
  return "shut_down";
}

} // namespace weir
