#pragma once

#include <weir/actors/child_ref.hpp>
#include <weir/supervision/failure.hpp>

#include <string>
#include <string_view>

namespace weir {

/// What a supervisor tells about its children, as it happens.
struct child_event {
  enum class kind { started, ignored, ended, failed, killed, abandoned, escalated, shut_down };
  kind what;
  std::string child; ///< its id
  failure why;       ///< of failed, killed, abandoned and escalated
  child_ref ref;     ///< which one it is, of several children of a dynamic supervisor
};

std::string_view to_string(child_event::kind kind) noexcept;

} // namespace weir
