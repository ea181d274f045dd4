#pragma once

#include <weir/node/option.hpp>

#include <map>
#include <string>
#include <vector>

namespace weir::internal {

/// What the command line says, before any value is looked at.
///
/// Owner: the configuration, while it parses.
/// Failure: every mistake is added to `problems`, one sentence each; what was understood is kept.
class command_line {
public:
  /// Reads the arguments behind the program's name. Known are the flags of these options, --help, --version
  /// and the actions, which are flags without a value ("--draw").
  command_line(int argc, const char* const* argv, const std::vector<const option*>& options,
               std::vector<std::string>& problems, const std::vector<std::string>& actions = {});

  bool help() const noexcept { return help_; }
  bool version() const noexcept { return version_; }
  /// Those that were given.
  const std::vector<std::string>& actions() const noexcept { return actions_; }
  /// Stores the flag's value in the option, if it was given.
  void read(option& target, std::vector<std::string>& problems) const;

private:
  bool help_ = false;
  bool version_ = false;
  std::vector<std::string> actions_;
  std::map<std::string, std::vector<std::string>> values_; // by flag; empty text if it has no value
};

} // namespace weir::internal
