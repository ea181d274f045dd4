#include <weir/cli/dead_letters_of.hpp>
#include <weir/cli/main.hpp>
#include <weir/node/configuration.hpp>
#include <weir/node/exit_codes.hpp>
#include <weir/node/node.hpp>
#include <weir/node/parts.hpp>
#include <weir/supervision/failure.hpp>

#include <iostream>
#include <optional>
#include <string>
#include <utility>

namespace weir {

namespace {

int show(const parsed& outcome) {
  (outcome.exit_code() == 0 ? std::cout : std::cerr) << outcome.text << std::flush;
  return outcome.exit_code();
}

/// Makes the parts. Nothing, and a sentence on standard error, if that throws.
std::optional<parts> made(const std::string& program, const std::function<parts()>& make) {
  try {
    return make();
  } catch (...) {
    std::cerr << program << ": " << describe_current_exception().message() << '\n';
    return std::nullopt;
  }
}

int draw(parts all) {
  for (const auto& one : internal::pipelines_of(std::move(all)))
    std::cout << one.draw();
  std::cout << std::flush;
  return exit_codes::ok;
}

int validate(const std::string& program, const parts& all) {
  const auto found = problems(all);
  for (const auto& one : found)
    std::cerr << program << ": " << one << '\n';
  if (!found.empty())
    return exit_codes::usage;
  std::cout << program << ": the options, the graphs and the trees are valid\n" << std::flush;
  return exit_codes::ok;
}

/// Does what was asked for, instead of running it. It may make the pipelines of trees, so it may throw what they do.
int act(const configuration& config, parts all,
        const std::optional<internal::dead_letters_call>& call) {
  try {
    if (call)
      return internal::dead_letters_of(config.program(), internal::pipelines_of(std::move(all)),
                                       *call);
    if (config.asked_for("draw"))
      return draw(std::move(all));
    return validate(config.program(), all);
  } catch (...) {
    std::cerr << config.program() << ": " << describe_current_exception().message() << '\n';
    return exit_codes::failed;
  }
}

} // namespace

int main(int argc, const char* const* argv, configuration& config, std::function<parts()> make,
         std::function<result<void>(node_settings&)> before_run) {
  node_settings settings;
  declare(config, settings);
  config.action("draw", "Prints the graphs, for Graphviz, and runs nothing.");
  config.action("validate", "Says what is wrong with the options and the graphs; runs nothing.");
  config.command("[OPTION]... dead-letters [--pipeline NAME] ACTION [FLAG]...",
                 "Looks at dead letters that are kept in a file, and works on them; see\n"
                 "         dead-letters --help.");
  config.runs_on(std::string{"Weir "} + WEIR_VERSION);

  std::optional<internal::dead_letters_call> call;
  if (const auto at = config.find_command(argc, argv, "dead-letters")) {
    call.emplace(argc - *at, argv + *at);
    argc = *at;
  }
  if (const auto outcome = config.parse(argc, argv); !outcome)
    return show(outcome);

  if (call || config.asked_for("draw") || config.asked_for("validate")) {
    auto all = made(config.program(), make);
    return all ? act(config, std::move(*all), call) : exit_codes::failed;
  }
  if (before_run)
    if (const auto ready = before_run(settings); !ready) {
      std::cerr << config.program() << ": " << ready.error().message() << '\n';
      return exit_codes::failed;
    }
  if (settings.heart && settings.flight_recorder.empty())
    settings.flight_recorder = config.program() + ".flight";
  // With --heart the process stays in there, as the parent of one that comes to this place again.
  node host{std::move(settings)};
  auto all = made(config.program(), make);
  return all ? host.run(std::move(*all)) : exit_codes::failed;
}

int main(int argc, const char* const* argv, pipeline one) {
  configuration config{one.name(), "Runs the pipeline '" + one.name() + "'."};
  return main(argc, argv, config, [&one] { return std::move(one); });
}

} // namespace weir
