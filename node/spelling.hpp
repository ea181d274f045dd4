#pragma once

#include <string>
#include <string_view>
#include <vector>

/// Slips of the pen in names: what was probably meant.
namespace weir::internal {

/// "; did you mean NAME?" with the known name nearest to `given`, or nothing if none is near.
std::string did_you_mean(std::string_view given, const std::vector<std::string>& known);

} // namespace weir::internal
