#pragma once

#include <string>
#include <typeinfo>

namespace weir::internal {

/// The readable name of a type, as dead letters and the graph of a pipeline name it.
std::string type_name(const std::type_info& type);

} // namespace weir::internal
