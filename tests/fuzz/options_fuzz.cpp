#include "settings.hpp"

#include <map>

/// Command line and environment: a line is an argument, or, with a '$', a variable.
std::vector<std::string> fuzz::corpus() {
  return {"--rate=5\n--input\na\n--input=b\n$P_RATE=7\n--no-verbose",
          "--drain-timeout\n250ms\n--node-threads=2\n$P_NODE_LOG=debug\n$P_TOKEN=s3cret",
          "--token=s3cret\n--share=0.25\n--name\n\xC3\xA4",
          "--help",
          "--version",
          "--dump-config\n--rate=1",
          "--limit=18446744073709551615\n$P_LIMIT=\n$P_SHARE=1e-300\n$P_INPUT=a,b,,c",
          "--verbose=false\n--\nrest\n-x\n-vvv",
          "--rat=1\n--rate\n$P_VERBOSE=maybe"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::vector<std::string> arguments{"p"};
  std::map<std::string, std::string> variables;
  auto text = std::string{fuzz::text_of(bytes, size)};
  std::replace(text.begin(), text.end(), '\0', '\n'); // neither can have one
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("--config") || line.starts_with("$P_CONFIG"))
      continue; // nobody knows what file that would be
    if (const auto equals = line.find('='); line.starts_with('$') && equals != std::string::npos)
      variables[line.substr(1, equals - 1)] = line.substr(equals + 1);
    else
      arguments.push_back(std::move(line));
  }
  settings::parse(arguments, variables);
  return 0;
}
