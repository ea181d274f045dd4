#pragma once

#include <weir/dead_letters/dead_letter_queue.hpp>

#include <functional>
#include <memory>
#include <string>

namespace weir {

/// Opens the store at a path; the path exists.
using open_dead_letters =
    std::function<std::shared_ptr<dead_letter_queue>(const std::string& path)>;

/// The subcommand of a program to look at its dead letters and work on them, beside the running service or
/// without it: `PROGRAM dead-letters list|show|histogram|edit|replay|cancel|purge|export|audit [FLAG]...`
///
///     if (argc > 1 && argv[1] == std::string_view{"dead-letters"})
///       return weir::dead_letters_command(argc - 1, argv + 1, "events", open_it);
///
/// Results go to standard output, for people or (`-o json`) for programs; what goes wrong to standard error.
/// Returns an exit code (node/exit_codes.hpp): 0; 1 if it could not be done; 2 for mistakes in usage. Everything that
/// changes or takes away letters is in the store's audit, with the user's name.
int dead_letters_command(int argc, const char* const* argv, const std::string& program,
                         const open_dead_letters& open);

/// Works on the store that the program has already: no path is asked for.
int dead_letters_command(int argc, const char* const* argv, const std::string& program,
                         dead_letter_queue& queue);

} // namespace weir
