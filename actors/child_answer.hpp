#pragma once

#include <weir/actors/child_ref.hpp>
#include <weir/supervision/failure.hpp>

#include <string_view>

namespace weir {

/// What became of a request to a supervisor about one of its children.
struct child_answer {
  enum class kind {
    done,
    ignored, ///< the child says that it isn't needed; its spec is kept unless it is temporary
    already_started, ///< `child` is the one
    already_present, ///< its spec is known, but it is down, or waits to be restarted
    running,         ///< it can't be restarted or deleted while it is
    restarting,      ///< likewise
    not_found,
    refused, ///< not for this kind of supervisor, or a spec that can't be: `why` says it
    failed,  ///< it could not be started
    ended    ///< the supervisor isn't running
  };
  kind what = kind::done;
  child_ref child; ///< of done, ignored and already_started
  failure why;     ///< of what was not done

  explicit operator bool() const { return what == kind::done || what == kind::ignored; }
};

std::string_view to_string(child_answer::kind kind) noexcept;

} // namespace weir
