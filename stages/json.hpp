#pragma once

#include <weir/supervision/failure.hpp>

#include <cstddef>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

/// JSON from outside. Arrays and objects in each other have a bound here: what is done with a value later (to print, copy
/// or compare it) calls itself once a level, and so a text of brackets could use up the stack.
namespace weir {

/// How many arrays and objects may stand in each other, wherever Weir reads JSON.
inline constexpr std::size_t json_depth_max = 256;

/// Poison, with what is wrong and where, for a text that is no JSON or nests deeper than json_depth_max. What is said
/// shows nothing of the text.
result<nlohmann::json> read_json(std::string_view text);

/// For who reads with a parser of their own. Looks at brackets outside of strings; so of a text that is no JSON it may
/// say either.
bool is_nested_too_deep(std::string_view text);

} // namespace weir
