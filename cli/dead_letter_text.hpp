#pragma once

#include <weir/cli/base64.hpp>
#include <weir/cli/dead_letter_json.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/node/terminal.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Dead letters as text: for a person at a terminal. For a program they are JSON, which is included from here.
namespace weir::internal {

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

} // namespace weir::internal
