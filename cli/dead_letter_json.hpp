#pragma once

#include <weir/dead_letters/dead_letter_queue.hpp>

#include <string>
#include <string_view>
#include <vector>

/// Dead letters as JSON, for programs.
namespace weir {

/// One object on one line: every field; the payload as "payload" where it is text, else as "payload_base64".
std::string to_json(const dead_letter& letter);
std::string to_json(const dead_letter_audit& line);
/// [{"stage", "cause", "count"}, …]
std::string to_json(const std::vector<dead_letter_count>& causes);
/// Reads what to_json has made, a line of `dead-letters export`: for weir::repro, in a test that has the line and no
/// store. Poison if it is something else.
result<dead_letter> dead_letter_from_json(std::string_view line);

} // namespace weir
