#pragma once

#include <cstddef>
#include <cstdint>

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

  std::uint64_t backlog() const noexcept { return written - read; }
};

} // namespace weir
