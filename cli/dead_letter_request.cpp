#include <weir/cli/dead_letter_request.hpp>
#include <weir/node/value_text.hpp>
#include <weir/supervision/utc.hpp>

#include <chrono>
#include <tuple>

namespace weir::internal {

namespace {

void declare_filter(configuration& config, dead_letter_request& asked) {
  config.option("id", asked.ids, "Only these.").value_name("ID");
  config.option("pipeline", asked.pipeline, "Only those of this pipeline.");
  config.option("stage", asked.stage, "Only those that failed in this stage.");
  config.option("source", asked.source, "Only those that came from this source.");
  config.option("cause", asked.cause, "Only those in whose cause this occurs.");
  config.option("kind", asked.kind, "Only those that failed in this way.")
      .one_of({"transient", "poison", "fatal"});
  config.option("key", asked.key, "Only those of this key.");
  config.option("state", asked.state, "Only those in this state.")
      .one_of({"kept", "requested", "replaying"});
  config
      .option("since", asked.since,
              "Only those that last failed then or later: 2024-01-31T12:00:00Z, or 2h for two "
              "hours ago.")
      .value_name("TIME");
  config.option("until", asked.until, "Only those that last failed earlier.").value_name("TIME");
  config.option("limit", asked.limit, "Only the first so many; 0: all.");
}

/// Reads a time as it is written, or as so long ago.
std::optional<std::chrono::system_clock::time_point> time_in(const std::string& text) {
  std::chrono::milliseconds ago{0};
  if (read_text(text, ago))
    return std::chrono::system_clock::now() - ago;
  return read_utc(text);
}

} // namespace

void declare(configuration& config, const dead_letter_action& what, dead_letter_request& asked,
             bool with_path) {
  if (with_path)
    config.option("dead-letters", asked.path, "The file that the dead letters are in.")
        .value_name("FILE");
  if (what.filters())
    declare_filter(config, asked);
  if (what.is("edit")) {
    config.option("payload", asked.payload, "The file with the new payload; - is standard input.")
        .value_name("FILE")
        .required();
    config.option("force", asked.force, "Also if the new payload is empty.");
  }
  if (what.is("show")) {
    config.option("payload", asked.only_payload, "Only the payload, byte by byte: for edit.");
    config.option("payload-before", asked.only_payload_before,
                  "Only the payload that its last edit replaced.");
  }
  if (what.changes_many())
    config.option("all", asked.all, "Every one, where no other flag says which.");
  if (what.is("purge") || what.is("replay"))
    config.option("dry-run", asked.dry_run, "Only says what would happen.");
  if (what.is("replay")) {
    config.option("replays-max", asked.replays_max,
                  "Leaves out what failed again in so many replays.");
    config.option("force", asked.force, "Leaves out nothing.");
  }
  if (what.is("export")) {
    asked.output = "json";
    config.option("output", asked.output, "There is no other; or -o.").one_of({"json"});
  } else if (!what.is("edit"))
    config.option("output", asked.output, "For people or for programs; or -o.")
        .one_of({"text", "json"});
}

std::string filter_in(const dead_letter_request& asked, dead_letter_filter& filter) {
  for (const auto& one : asked.ids)
    if (!read_text(one, filter.ids.emplace_back()))
      return "--id: expected a whole number, found \"" + one + "\"";
  filter.pipeline = asked.pipeline;
  filter.stage = asked.stage;
  filter.source = asked.source;
  filter.cause = asked.cause;
  filter.key = asked.key;
  filter.limit = asked.limit;
  for (const auto kind : failure_kinds)
    if (to_string(kind) == asked.kind)
      filter.kind = kind;
  for (const auto state : dead_letter_states)
    if (to_string(state) == asked.state)
      filter.state = state;
  for (auto [flag, text, time] : {std::tuple{"--since", &asked.since, &filter.since},
                                  {"--until", &asked.until, &filter.until}})
    if (!text->empty() && !(*time = time_in(*text)))
      return std::string{flag} + ": expected a time as 2024-01-31T12:00:00Z, or how long ago as "
             + "2h, found \"" + *text + "\"";
  return {};
}

} // namespace weir::internal
