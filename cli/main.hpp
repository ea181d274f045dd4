#pragma once

#include <weir/pipeline/pipeline.hpp>
#include <weir/supervision/failure.hpp>

#include <functional>

namespace weir {

class configuration;
struct node_settings;
struct parts;

/// A whole `main`: what is on the command line is done, and the exit code returned (node/exit_codes.hpp).
///
///     weir::configuration config{"orders", "Stores orders.", "1.2.0"};
///     config.option("store", store, "Where they go.").required();
///     return weir::main(argc, argv, config, [&] { return pipeline_of(store); });
///
/// That needs <weir/node/configuration.hpp> and <weir/node/parts.hpp>. The options of a node are added to those of the
/// program. `make` is called at most once, when the values are known and within their bounds; not for --help, --version
/// and mistakes. It returns a pipeline, a vector of them, a tree, or several of these as weir::parts. For a run it is
/// called after the node has taken over the signals, so it may make threads. What it throws ends the program, which has
/// failed then.
///
/// | on the command line        | what is done                                                                  |
/// |----------------------------|-------------------------------------------------------------------------------|
/// | nothing of the following   | a node runs what `make` returns                                               |
/// | `--help`, `--version`      | shows it; the version is the program's and Weir's                             |
/// | `--draw`                   | prints the graphs, for Graphviz                                               |
/// | `--validate`               | says what is wrong with options, graphs and trees; 0 if nothing is, else 2    |
/// | `dead-letters ACTION`      | works on a pipeline's dead letters, if they are kept in a file: see           |
/// |                            | dead_letters_command.hpp. With several pipelines `--pipeline NAME` before     |
/// |                            | ACTION says which one is meant                                                |
///
/// The program's options come before the word `dead-letters`.
///
/// `before_run` is called for a run only, when the values are known and before the node is made, with --heart so in the
/// parent too. It may make no threads. It can set what follows for the node from the program's own options; what it
/// answers, a failure, says why the program can't run, and ends it as one that has failed.
int main(int argc, const char* const* argv, configuration& config, std::function<parts()> make,
         std::function<result<void>(node_settings&)> before_run = {});

/// The same for a program that has one pipeline, and no options of its own.
int main(int argc, const char* const* argv, pipeline one);

} // namespace weir
