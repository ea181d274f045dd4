#pragma once

#include "fuzz.hpp"

#include <weir/node/configuration.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// A program's options, one of each kind, and what must be true of them once they were read.
struct settings {
  std::uint32_t rate = 10;
  std::chrono::milliseconds drain_timeout{25'000};
  std::vector<std::string> input;
  bool verbose = true;
  double share = 0.5;
  std::string name = "x";
  std::optional<std::uint64_t> limit;
  std::string token;
  std::uint32_t threads = 1;
  std::string log = "info";

  static void parse(const std::vector<std::string>& arguments,
                    const std::map<std::string, std::string>& variables) {
    settings into;
    weir::configuration config{"p", "For the fuzzer.", "1"};
    config.option("rate", into.rate, "A whole number.").range(1, 1000);
    config.option("drain-timeout", into.drain_timeout, "A time.")
        .range(std::chrono::seconds{0}, std::chrono::hours{1});
    config.option("input", into.input, "A list.");
    config.option("verbose", into.verbose, "A switch.");
    config.option("share", into.share, "A number.").range(0, 1);
    config.option("name", into.name, "A text.");
    config.option("limit", into.limit, "Perhaps a number.");
    config.option("token", into.token, "A secret.").secret();
    config.option("node.threads", into.threads, "In a group.").at_least(1);
    config.option("node.log", into.log, "A choice.").one_of({"debug", "info"});
    std::vector<const char*> argv;
    for (const auto& one : arguments)
      argv.push_back(one.c_str());
    const auto parsed = config.parse(static_cast<int>(argv.size()), argv.data(),
                                     [&](const std::string& which) -> std::optional<std::string> {
                                       const auto found = variables.find(which);
                                       return found == variables.end()
                                                  ? std::nullopt
                                                  : std::optional{found->second};
                                     });
    if (!parsed) {
      fuzz::require(!parsed.text.empty(), "a refusal says why");
      fuzz::require(parsed.exit_code() == 0 || parsed.exit_code() == 2,
                    "a refusal is one of usage");
      fuzz::require(
          std::ranges::none_of(parsed.text, [](char c) { return c != '\n' && c >= 0 && c < ' '; }),
          "a message says nothing to a terminal");
      return;
    }
    fuzz::require(into.rate >= 1 && into.rate <= 1000, "a range holds");
    fuzz::require(into.share >= 0 && into.share <= 1, "a range of numbers holds");
    fuzz::require(into.drain_timeout.count() >= 0 && into.drain_timeout <= std::chrono::hours{1},
                  "a range of times holds");
    fuzz::require(into.threads >= 1, "a lower bound holds");
    fuzz::require(into.log == "debug" || into.log == "info", "a choice holds");
    const auto shown = config.dump();
    fuzz::require(shown.starts_with("{") && shown.find("\"(not shown)\"") != std::string::npos,
                  "a secret is not shown");
  }
};
