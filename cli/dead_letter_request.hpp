#pragma once

#include <weir/cli/dead_letter_action.hpp>
#include <weir/dead_letters/dead_letter_queue.hpp>
#include <weir/node/configuration.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::internal {

/// What `PROGRAM dead-letters ACTION` was told: the values of its flags.
struct dead_letter_request {
  std::string path;
  std::vector<std::string> ids;
  std::string pipeline;
  std::string stage;
  std::string source;
  std::string cause;
  std::string kind;
  std::optional<std::string> key;
  std::string state;
  std::string since;
  std::string until;
  std::uint64_t limit = 0;
  std::string payload;
  bool only_payload = false;
  bool only_payload_before = false;
  bool all = false;
  bool dry_run = false;
  bool force = false;
  std::uint32_t replays_max = replay_terms{}.replays_max;
  std::string output = "text";

  bool as_json() const { return output == "json"; }
};

/// Declares the flags that the action has. Their values go into `asked`, which must outlive the parsing. The path of
/// the store is among them if `with_path`.
void declare(configuration& config, const dead_letter_action& what, dead_letter_request& asked,
             bool with_path);

/// Stores in `filter` which letters are asked for. Returns what is wrong with the flags; empty if nothing is.
std::string filter_in(const dead_letter_request& asked, dead_letter_filter& filter);

} // namespace weir::internal
