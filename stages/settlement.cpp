#include <weir/stages/settlement.hpp>

#include <weir/mailbox/require.hpp>
#include <weir/stages/late_answer.hpp>
#include <weir/stages/sink.hpp>

#include <utility>

namespace weir {

namespace {

void drop(std::shared_ptr<internal::late_answer> to) noexcept {
  if (to)
    to->is_dropped();
}

} // namespace

settlement::settlement(std::shared_ptr<internal::late_answer> to) noexcept : to_{std::move(to)} {}

settlement& settlement::operator=(settlement&& other) noexcept {
  if (this != &other)
    drop(std::exchange(to_, std::move(other.to_)));
  return *this;
}

settlement::~settlement() { drop(std::move(to_)); }

void settlement::stored() noexcept { take()->is_stored({}); }
void settlement::stored(batch_outcome outcome) noexcept { take()->is_stored(std::move(outcome)); }
void settlement::failed(failure why) noexcept { take()->has_failed(std::move(why)); }

std::shared_ptr<internal::late_answer> settlement::take() noexcept {
  internal::require(to_ != nullptr, "settlement: it was used before, or moved away");
  return std::exchange(to_, nullptr);
}

} // namespace weir
