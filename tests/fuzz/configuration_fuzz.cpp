#include "settings.hpp"

/// A JSON configuration file.
std::vector<std::string> fuzz::corpus() {
  return {
      R"({"rate": 5, "drain_timeout": "25s", "input": ["a", "b"], "node": {"threads": 2, "log": "debug"}})",
      R"({"share": 0.5, "verbose": true, "token": "s3cret", "name": "\u00e4\ud83d\ude00"})",
      R"({"limit": null, "rate": 1e3, "share": -1e999, "drain_timeout": "3h", "input": []})",
      R"({"rate": "5", "verbose": 1, "unknown": {"a": [{"b": [[[]]]}]}, "rate": 6})",
      "{}",
      "",
      "[]",
      "{\"node\": 5}",
      "{\"\": {\"~/\": 1}}"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const fuzz::memory_file file{fuzz::text_of(bytes, size)};
  const std::string path = file.path();
  settings::parse({"p", "--config", path}, {});
  return 0;
}
