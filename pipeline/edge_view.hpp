#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace weir {

/// What can be seen of a ring from one worker to another. Its backlog is also its credit in use: there is one slot for
/// each item that was written and not yet released.
struct edge_view {
  std::size_t from = 0;        ///< index of a stage
  std::size_t from_worker = 0; ///< of that stage
  std::size_t to = 0;
  std::size_t to_worker = 0;
  std::size_t capacity = 0;  ///< items
  std::uint64_t written = 0; ///< items that were ever put into it
  std::uint64_t read = 0;    ///< items that were ever taken out of it, once they were done with
  bool credit_wanted =
      false;           ///< the worker before it waits for credit, of this edge or of another one
  bool closed = false; ///< nothing more is put into it

  /// How long its oldest item has been in it, by the node's clock, within two bounds. Nobody writes down when an item
  /// comes: the bounds are what earlier looks at the pipeline show, by anybody, since the item had been written at one of
  /// them and not yet at the one before. So they are as far apart as the looks around the item's coming (a node looks
  /// every 5 s by itself), wider for an item that is old after many looks; the first look knows neither. The oldest item is
  /// the first of those that were not taken out: it may be in hand, or wait for its retry. Both count since it came into
  /// this edge, not since the source had it.
  std::chrono::nanoseconds oldest_at_least{0}; ///< 0: not known to be older, or there is none
  std::optional<std::chrono::nanoseconds>
      oldest_at_most; ///< nothing: it was there at the first look, or there is none

  std::uint64_t backlog() const noexcept { return written - read; }
};

} // namespace weir
