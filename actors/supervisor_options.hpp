#pragma once

#include <weir/actors/child_event.hpp>
#include <weir/supervision/child_spec.hpp>
#include <weir/supervision/restart.hpp>

#include <functional>
#include <string>
#include <vector>

namespace weir {

/// What a supervisor is made of.
struct supervisor_options {
  supervision_options supervision{};
  weir::auto_shutdown auto_shutdown = weir::auto_shutdown::never;
  /// In the order of their start. Of a dynamic supervisor: the one spec that all its children have.
  std::vector<child_spec> children{};
  /// Called in turns of the supervisor; must not block. What it throws is ignored.
  std::function<void(const child_event&)> report = [](const child_event&) {};
};

/// What is wrong with them, a sentence each.
std::vector<std::string> problems(const supervisor_options& options);

} // namespace weir
