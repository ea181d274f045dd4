#pragma once

#include "entrance.hpp"

#include <weir/node/tree.hpp>
#include <weir/supervision/failure.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>

/// Accepts connections on the loopback address, and adds a session for each.
struct listener {
  std::uint16_t port;       ///< 0: the system chooses one, which is printed
  std::size_t sessions_max; ///< at a time; beyond it a connection is answered "busy" and closed
  std::shared_ptr<entrance> into;
  weir::tree_ref sessions;

  /// Runs until it is told to stop. Failure: the port can't be used.
  weir::result<void> run(const std::stop_token& stop) const;
};
