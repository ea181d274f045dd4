#include <weir/stages/stepper.hpp>

#include <utility>

namespace weir {

stepper::stepper() = default;
stepper::~stepper() = default;

failure stepper::take_failure() { return std::move(failure_); }

slice_result stepper::failed_with(failure why, std::size_t items) {
  failure_ = std::move(why);
  return {.what = slice_result::state::failed, .items = items};
}

} // namespace weir
