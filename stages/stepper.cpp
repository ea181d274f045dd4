#include <weir/stages/stepper.hpp>

namespace weir::internal {

stepper::stepper() = default;
stepper::~stepper() = default;

} // namespace weir::internal
