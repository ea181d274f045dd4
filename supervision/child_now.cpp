#include <weir/supervision/child_now.hpp>

namespace weir {

std::string_view to_string(child_now state) noexcept {
  switch (state) {
  case child_now::down:
    return "down";
  case child_now::starting:
    return "starting";
  case child_now::running:
    return "running";
  case child_now::stopping:
    return "stopping";
  case child_now::restarting:
    return "restarting";
  case child_now::ended:
    break;
  }
  return "ended";
}

} // namespace weir
