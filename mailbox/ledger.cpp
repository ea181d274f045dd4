#include <weir/mailbox/ledger.hpp>

namespace weir {

ledger_totals& ledger_totals::operator+=(const ledger_totals& other) noexcept {
  admitted += other.admitted;
  replayed += other.replayed;
  acknowledged += other.acknowledged;
  filtered += other.filtered;
  dropped += other.dropped;
  dead_lettered += other.dead_lettered;
  returned += other.returned;
  in_flight += other.in_flight;
  return *this;
}

std::string to_string(const ledger_totals& totals) {
  auto text = "admitted " + std::to_string(totals.admitted) + " + replayed "
              + std::to_string(totals.replayed) + (totals.balanced() ? " = " : " ≠ ")
              + "acknowledged " + std::to_string(totals.acknowledged) + " + filtered "
              + std::to_string(totals.filtered) + " + dropped " + std::to_string(totals.dropped)
              + " + dead-lettered " + std::to_string(totals.dead_lettered) + " + returned "
              + std::to_string(totals.returned) + " + in flight "
              + std::to_string(totals.in_flight);
  if (!totals.balanced())
    text += " (" + std::to_string(totals.imbalance())
            + (totals.imbalance() == 1 ? " item is " : " items are ")
            + (totals.difference() > 0 ? "not accounted for)" : "counted twice)");
  return text;
}

} // namespace weir
