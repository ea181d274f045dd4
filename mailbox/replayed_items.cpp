#include <weir/mailbox/replayed_items.hpp>
#include <weir/mailbox/require.hpp>

#include <algorithm>

namespace weir::internal {

void replayed_items::admit(std::uint64_t position) {
  const std::lock_guard lock{lock_};
  const bool is_new = in_flight_.try_emplace(position).second;
  require(is_new, "acknowledgement: an item may be replayed only when it is not in flight");
  ++admitted_;
}

void replayed_items::share(std::uint64_t position, std::uint32_t more) {
  const std::lock_guard lock{lock_};
  in_flight_[position].more += more;
}

replayed_items::ending replayed_items::settle(std::uint64_t position, outcome how) noexcept {
  const std::lock_guard lock{lock_};
  const auto found = in_flight_.find(position);
  if (found == in_flight_.end())
    return {.known = false, .how = {}};
  auto& one = found->second;
  const auto gravest = one.gravest = std::max(one.gravest, how);
  if (one.more > 0) { // others of its shares are on their way
    --one.more;
    return {};
  }
  in_flight_.erase(found);
  ++ended_[static_cast<std::size_t>(gravest)];
  return {.known = true, .how = gravest};
}

void replayed_items::add_to(ledger_totals& totals) const noexcept {
  const std::lock_guard lock{lock_};
  const auto ended = [&](outcome how) { return ended_[static_cast<std::size_t>(how)]; };
  totals.replayed += admitted_;
  totals.acknowledged += ended(outcome::acknowledged);
  totals.filtered += ended(outcome::filtered);
  totals.dropped += ended(outcome::dropped);
  totals.dead_lettered += ended(outcome::dead_lettered);
  totals.returned += ended(outcome::returned);
  totals.in_flight += in_flight_.size();
}

} // namespace weir::internal
