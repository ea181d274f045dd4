#pragma once

#include <weir/node/option.hpp>

#include <string>

/// Options in words: what help says of them, and what is wrong with a value.
namespace weir::internal {

/// The lines of help about an option: what it takes, its limits, its default and, where asked for, its variable in the
/// program.
std::string help_entry(const option& one, const std::string& program, bool with_variable);
/// The lines of help about something that is no option.
std::string help_entry(const std::string& name, const std::string& text);

/// What was found in a flag or a variable, cut and in quotes. A secret is not shown.
std::string found_text(const std::string& text, bool secret);
/// "--rate: expected a whole number, found "many"": a value at `where` that the option does not take.
std::string mismatch(const option& target, const std::string& where, const std::string& text);

} // namespace weir::internal
