#pragma once

#include <weir/dead_letters/held_keys.hpp>
#include <weir/dead_letters/replay_inlet.hpp>

#include <cstddef>
#include <memory>
#include <set>
#include <string>

namespace weir::internal {

/// One stage of the pipeline, as a replay sees it.
///
/// Owner: the replay actor. Everything but `closed` is constant once the actor is spawned.
struct replay_stage {
  std::string name;
  std::string input;                   ///< type name
  std::unique_ptr<replay_inlet> inlet; ///< null where its items can't be read from a payload
  held_keys* keys = nullptr;           ///< of a stage with hold_key, else null
  std::size_t inputs = 0; ///< of a stage with hold_key: workers to which something may come
  std::set<std::size_t> keyed_behind; ///< stages with hold_key that its items may come to
  bool closed = false;                ///< its rings are; written in the actor's turns
};

} // namespace weir::internal
