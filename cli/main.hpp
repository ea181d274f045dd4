#pragma once

#include <weir/pipeline/pipeline.hpp>

namespace weir {

/// A `main` for a program that has no options of its own. It has the subcommand `dead-letters`, where those are
/// kept in a file: see dead_letters_command.hpp.
int main(int argc, const char* const* argv, pipeline one);

} // namespace weir
