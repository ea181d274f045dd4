#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/mailbox/origin_group.hpp>
#include <weir/stages/worker.hpp>

#include <cstddef>
#include <span>

namespace weir::internal {

/// Whose positions are settled once the item of this origin is stored. While another copy of a batch is on its way,
/// storing this one settles nothing.
inline std::span<const origin> settled_with(const origin& where) {
  if (!where.is_group())
    return {&where, 1};
  return where.group()->shared() ? std::span<const origin>{} : where.group()->members();
}

/// Shows a sink what it has in hand, for context::points, as long as this lives.
class rows_in_hand {
public:
  rows_in_hand(worker& self, const origin& where, std::size_t rows) : self_{self} {
    self.batch_in_hand = settled_with(where);
    self.rows_in_hand = rows;
  }
  rows_in_hand(const rows_in_hand&) = delete;
  rows_in_hand& operator=(const rows_in_hand&) = delete;
  ~rows_in_hand() { self_.batch_in_hand = {}; }

private:
  worker& self_;
};

} // namespace weir::internal
