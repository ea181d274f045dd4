#pragma once

#include <weir/actors/child_ref.hpp>
#include <weir/supervision/child_now.hpp>
#include <weir/supervision/child_spec.hpp>
#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <string>

namespace weir {

/// What can be seen of a child of a supervisor.
struct child_view {
  child_ref child;
  std::string id;
  child_now now = child_now::down;
  child_type type = child_type::worker;
  std::uint64_t restarts = 0;
  failure last_failure; ///< an empty chain if there was none
};

} // namespace weir
