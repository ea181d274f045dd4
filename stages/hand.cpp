#include <weir/stages/hand.hpp>

#include <weir/mailbox/origin_group.hpp>

namespace weir::internal {

namespace {

/// A batch may be one of batches.
void add_members(origin where, flight_slot::ranges& into) noexcept {
  if (!where.is_group()) {
    into.add(where);
    return;
  }
  for (const auto one : where.group()->members())
    add_members(one, into);
}

} // namespace

void hand::take_batch(origin where) noexcept {
  flight_slot::ranges all;
  add_members(where, all);
  slot_->take(all);
}

void hand::failed(origin where, std::uint32_t runs) noexcept {
  if (where.is_group())
    where = where.group()->members().size() == 1 ? where.group()->members().front() : origin{};
  slot_->failed(where.is_group() ? 0 : where.word(), where.empty() ? 0 : runs);
}

} // namespace weir::internal
