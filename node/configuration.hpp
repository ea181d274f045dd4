#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/node/option.hpp>

/// What a program can be told: one table of options, declared once, read from flags, the
/// environment, a JSON file and defaults. A flag wins over the environment, that over the file,
/// that over the default.
///
///     configuration config{"events", "Enriches JSON events and stores them.", "0.1.0"};
///     config.option("rate", settings.rate, "Calls a second at most.").range(1, 1'000'000);
///     config.option("drain-timeout", settings.drain_timeout, "How long a drain may take.");
///     const auto outcome = config.parse(argc, argv);
///
/// `drain-timeout` is the flag `--drain-timeout`, the variable `EVENTS_DRAIN_TIMEOUT` and the key
/// `drain_timeout` of the file named by `--config` or `EVENTS_CONFIG`. A '.' makes a group:
/// `node.threads` is `--node-threads`, `EVENTS_NODE_THREADS` and `{"node": {"threads": …}}`. A
/// true-or-false option is switched by `--name`, `--no-name` or `--name=false`. An empty variable
/// counts as not set.
namespace weir {

/// What a program does next, once it has read its configuration.
struct parsed {
  enum class step {
    go_on,  ///< every value is in its place
    stop,   ///< help or the version was asked for: `text` goes to standard output
    refused ///< `text` says on standard error what is wrong, one line for each mistake
  };

  step next = step::go_on;
  std::string text;

  explicit operator bool() const noexcept { return next == step::go_on; }
  /// Of the process, unless it goes on: 0 after help, 2 after a mistake in usage or configuration.
  int exit_code() const noexcept { return next == step::refused ? 2 : 0; }
};

/// Looks up an environment variable.
using environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Looks in the environment of this process.
std::optional<std::string> process_environment(const std::string& name);

/// The table of a program's options, and their values once it has parsed.
///
/// Owner: the thread of `main`, before anything else runs.
/// Invariants: names are unique, also as flags and variables.
/// Failure: every mistake is reported, not only the first; the targets' values are unspecified
/// then.
class configuration {
public:
  /// The program's name is the prefix of its variables.
  configuration(std::string program, std::string summary, std::string version = "unversioned");
  configuration(const configuration&) = delete;
  configuration& operator=(const configuration&) = delete;

  /// Declares an option. What `target` holds by now is its default; it must outlive `parse()`.
  template <class T>
  weir::option& option(std::string name, T& target, std::string text) {
    static_assert(std::is_constructible_v<option_target, T*>,
                  "weir: an option is a bool, string, uint32_t, uint64_t, int64_t, double or "
                  "milliseconds, one of these (but bool) optional, or a vector of strings");
    return declare({std::move(name), option_target{&target}, std::move(text)});
  }

  /// Only flags count: no variables, no file. For a command that changes something. `usage` is what help shows
  /// behind the program's name.
  void flags_only(std::string usage);

  /// Declares a flag that asks for something else than a run, as --help does. It has no value, no variable and no place
  /// in a file.
  void action(std::string name, std::string text);
  /// Was that action asked for? After `parse()`.
  bool asked_for(std::string_view action) const;

  /// Declares a subcommand, for help: `usage` is what it shows behind the program's name.
  void command(std::string usage, std::string text);
  /// Where the command line names this word: the first argument that is neither a flag nor a flag's value, if it is
  /// `name`.
  std::optional<int> find_command(int argc, const char* const* argv, std::string_view name) const;

  /// Looks for a mistake that no single option shows ("--input and --listen exclude each other"), when all values were
  /// read and each of them is acceptable. It answers the mistake, or an empty text.
  void check(std::function<std::string()> mistake) { checks_.push_back(std::move(mistake)); }

  /// What --version says behind the program's own version: "weir 1.2.3".
  void runs_on(std::string what) { runs_on_ = std::move(what); }

  const std::string& program() const noexcept { return program_; }

  /// Reads all sources into the targets.
  parsed parse(int argc, const char* const* argv,
               const environment& variables = process_environment);

  /// The answer to a mistake that only the program can see ("--input and --listen exclude each
  /// other").
  parsed refuse(const std::string& mistake) const { return refuse(std::vector{mistake}); }

  /// Every option with what it takes, its default and its variable. Shows the values as they are:
  /// call it before `parse()`, or ask for it with --help.
  std::string help() const;

  /// The values in force and where they came from, as JSON:
  /// {"drain_timeout": {"value": "25s", "from": "default"}, …}. Secrets are "(not shown)".
  std::string dump() const;

private:
  weir::option& declare(weir::option declared);
  void read_variable(weir::option& target, const environment& variables,
                     std::vector<std::string>& problems) const;
  parsed refuse(const std::vector<std::string>& mistakes) const;

  const std::string program_;
  const std::string summary_;
  const std::string version_;
  std::string usage_ = "[OPTION]...";
  bool flags_only_ = false;
  std::optional<std::string> file_; // the configuration file's path
  weir::option file_option_;
  struct named_text {
    std::string name;
    std::string text;
  };
  std::vector<named_text> actions_;
  std::vector<std::string> asked_for_; // actions
  std::vector<named_text> commands_;
  std::vector<std::function<std::string()>> checks_;
  std::string runs_on_;
  std::deque<weir::option> options_; // as declared; a deque, for `option()` hands out references
};

} // namespace weir
