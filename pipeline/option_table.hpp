#pragma once

#include <weir/stages/batch.hpp>
#include <weir/stages/stage_options.hpp>
#include <weir/supervision/restart.hpp>

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::internal {

/// The most workers that a stage may have.
inline constexpr std::uint32_t workers_max = 256;

/// One option of a struct of options: the one place that has its bounds. What checks it, and the table in the guide,
/// read them from here.
template <class Options>
struct bounded_option {
  std::string_view name; ///< as it is written in C++: "retry.attempts"
  std::string_view
      unit; ///< of `value` and of the bounds: "items", "ms"; empty: it is a plain number
  double (*value)(const Options&);
  double min; ///< the least value that is allowed
  double max; ///< the greatest value that is allowed; infinite: there is no bound of ours
  std::string_view meaning; ///< a sentence for the guide, in Markdown
  std::string_view at_default =
      {}; ///< what the default stands for, where the number doesn't say it: "none"
};

std::span<const bounded_option<stage_options>> stage_option_table();
std::span<const bounded_option<batch_options>> batch_option_table();
std::span<const bounded_option<supervision_options>> supervision_option_table();

/// A sentence for each option that is out of its bounds: "workers must be 1 to 256, not 0".
std::vector<std::string> out_of_bounds(const stage_options& chosen);
std::vector<std::string> out_of_bounds(const batch_options& chosen);
std::vector<std::string> out_of_bounds(const supervision_options& chosen);

/// The rows of a table in the guide: name, default, bounds, meaning.
std::string stage_options_as_markdown();
std::string batch_options_as_markdown();
std::string supervision_options_as_markdown();

} // namespace weir::internal
