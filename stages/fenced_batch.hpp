#pragma once

#include <weir/mailbox/acknowledgement.hpp>
#include <weir/mailbox/origin.hpp>
#include <weir/supervision/failure.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace weir::internal {

/// A batch that was not stored, as another process has claimed partitions of some of its rows: what is left of it.
struct batch_without_fenced {
  std::vector<std::size_t> rows; ///< indices of the rows that stay, ascending
  origin from;                   ///< of the rest; empty if nothing is left
};

/// Tells the sources of these partitions that they are fenced, and settles the rows that come from there as returned.
/// Of a batch that a stage has changed, nobody knows which rows those are: then that is a failure. `rows` is how many
/// the batch has. If it throws, for want of memory, the batch is as it was.
result<batch_without_fenced> without_fenced(acknowledgement& books, origin where, std::size_t rows,
                                            std::span<const std::string> fenced);

/// The same, with a batch<T>: afterwards it has the rest, which is empty where `where` is.
template <class Batch>
result<void> leave_out_fenced(acknowledgement& books, Batch& all, origin& where,
                              std::span<const std::string> fenced) {
  auto left = without_fenced(books, where, all.items.size(), fenced);
  if (!left)
    return std::move(left.error());
  std::size_t kept = 0;
  for (const auto row : left->rows) {
    if (row != kept)
      all.items[kept] = std::move(all.items[row]);
    ++kept;
  }
  all.items.erase(all.items.begin() + static_cast<std::ptrdiff_t>(kept), all.items.end());
  where = left->from;
  return {};
}

} // namespace weir::internal
