#pragma once

#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/node/terminal.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Dead letters as text: for a person at a terminal, and as JSON for a program.
namespace weir {

/// One object on one line: every field; the payload as "payload" where it is text, else as "payload_base64".
std::string to_json(const dead_letter& letter);
std::string to_json(const dead_letter_audit& line);
/// [{"stage", "cause", "count"}, …]
std::string to_json(const std::vector<dead_letter_count>& causes);
std::string base64(std::string_view bytes);
/// What to_json has made, as a line of `dead-letters export`: for weir::repro, in a test that has the line and no store.
/// Poison if it is something else.
result<dead_letter> dead_letter_from_json(std::string_view line);

/// A page of a table, at most `columns` wide, with its heading.
std::string to_table(std::span<const dead_letter> letters, std::size_t columns, charset shown);
/// All that is known about one letter, and its payload below, as it is: but in base64 where a terminal could
/// take it for something else than text.
std::string to_page(const dead_letter& letter, charset shown);
/// A bar for each cause. "no dead letters" of none.
std::string to_bars(const std::vector<dead_letter_count>& causes, std::size_t columns,
                    charset shown);
/// "2024-01-31 12:00:00  alice (uid 1000)  purge stage parse: 3 letters removed"
std::string to_line(const dead_letter_audit& line, std::size_t columns, charset shown);

} // namespace weir
