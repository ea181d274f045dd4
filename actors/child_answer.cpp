#include <weir/actors/child_answer.hpp>

namespace weir {

std::string_view to_string(child_answer::kind kind) noexcept {
  using enum child_answer::kind;
  switch (kind) {
  case done:
    return "done";
  case ignored:
    return "ignored";
  case already_started:
    return "already_started";
  case already_present:
    return "already_present";
  case running:
    return "running";
  case restarting:
    return "restarting";
  case not_found:
    return "not_found";
  case refused:
    return "refused";
  case failed:
    return "failed";
  case ended:
    break;
  }
  return "ended";
}

} // namespace weir
