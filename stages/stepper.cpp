#include <weir/stages/stepper.hpp>

namespace weir {

stepper::stepper() = default;
stepper::~stepper() = default;

} // namespace weir
