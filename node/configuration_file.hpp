#pragma once

#include <deque>
#include <string>
#include <vector>

#include <weir/node/option.hpp>

/// The configuration file: one JSON object whose keys are options, grouped in objects.
namespace weir::internal {

/// A larger file isn't read: nobody writes that many options.
inline constexpr std::size_t configuration_file_max = 1 << 20; // bytes

/// Stores the file's values in the options. Whatever is wrong, an unreadable file, broken JSON
/// (with line and column), an unknown or repeated key or a value of the wrong type (with its JSON
/// pointer, what was expected and what was found), is added to `problems`, one sentence each.
void read_configuration_file(const std::string& path, std::deque<option>& options,
                             std::vector<std::string>& problems);

} // namespace weir::internal
