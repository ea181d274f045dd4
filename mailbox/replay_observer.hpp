#pragma once

#include <weir/mailbox/outcome.hpp>

#include <cstdint>

namespace weir::internal {

/// Whom the books tell that the way of a replayed item has ended. Any thread calls it; it must not block.
class replay_observer {
public:
  virtual void replayed_item_ended(std::uint64_t position, outcome how) noexcept = 0;

protected:
  ~replay_observer() = default;
};

} // namespace weir::internal
