#include <weir/cli/dead_letters_command.hpp>
#include <weir/cli/main.hpp>
#include <weir/node/configuration.hpp>
#include <weir/node/exit_codes.hpp>
#include <weir/node/node.hpp>

#include <iostream>
#include <string_view>
#include <utility>

namespace weir {

int main(int argc, const char* const* argv, pipeline one) {
  if (argc > 1 && argv[1] == std::string_view{"dead-letters"}) {
    auto* const queue = dynamic_cast<dead_letter_queue*>(one.dead_letters().get());
    if (queue != nullptr && queue->outlives_process())
      return dead_letters_command(argc - 1, argv + 1, one.name(), *queue);
    std::cerr << one.name()
              << ": there is nothing to look at: dead letters are not kept in a file, or not in "
                 "one that can be read\n";
    return exit_codes::usage;
  }
  node_settings settings;
  configuration config{one.name(), "Runs the pipeline '" + one.name() + "'."};
  declare(config, settings);
  if (const auto outcome = config.parse(argc, argv); !outcome) {
    (outcome.exit_code() == 0 ? std::cout : std::cerr) << outcome.text;
    return outcome.exit_code();
  }
  if (settings.heart && settings.flight_recorder.empty())
    settings.flight_recorder = one.name() + ".flight";
  return node{std::move(settings)}.run(std::move(one));
}

} // namespace weir
