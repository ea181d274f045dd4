#pragma once

#include <weir/mailbox/origin.hpp>
#include <weir/supervision/flight_slot.hpp>

namespace weir::internal {

/// Shows the flight recorder what is in hand; tests as false where nothing is recorded.
class hand {
public:
  hand() = default;
  explicit hand(flight_slot* slot) noexcept : slot_{slot} {}

  explicit operator bool() const noexcept { return slot_ != nullptr; }

  // What follows is for where something is recorded. It is not asserted: `take` is called once an item.

  void take(origin where) noexcept {
    if (where.is_group()) [[unlikely]]
      take_batch(where);
    else
      slot_->take(where.word());
  }
  void empty() noexcept { slot_->empty(); }
  /// So many runs of the item have failed; 0: that is over.
  void failed(origin where, std::uint32_t runs) noexcept;

  flight_slot* slot() const noexcept { return slot_; }

private:
  void take_batch(origin where) noexcept;

  flight_slot* slot_ = nullptr;
};

} // namespace weir::internal
