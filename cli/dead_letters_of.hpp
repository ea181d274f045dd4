#pragma once

#include <weir/pipeline/pipeline.hpp>

#include <optional>
#include <string>
#include <vector>

namespace weir::internal {

/// The part of a command line that begins with `dead-letters`, and the pipeline that it names. `--pipeline NAME` before
/// the action says only which pipeline is meant, and is taken out. Behind the action it is a filter too, and stays.
///
/// Owner: `main`. Invariant: the arguments live as long as those of `main`.
class dead_letters_call {
public:
  dead_letters_call(int argc, const char* const* argv);

  const std::vector<const char*>& arguments() const noexcept { return arguments_; }
  /// Of the flag before the action: empty if it had no value.
  const std::optional<std::string>& chosen() const noexcept { return chosen_; }
  /// Of the flag behind the action.
  const std::optional<std::string>& filter() const noexcept { return filter_; }

private:
  std::vector<const char*> arguments_;
  std::optional<std::string> chosen_;
  std::optional<std::string> filter_;
};

/// The subcommand `dead-letters` of a program with these pipelines; returns the exit code. Without `--pipeline` it is
/// about the only pipeline, or else the only one whose letters are kept in a file.
/// Failure: a sentence on standard error, with the names that there are.
int dead_letters_of(const std::string& program, const std::vector<pipeline>& all,
                    const dead_letters_call& call);

} // namespace weir::internal
