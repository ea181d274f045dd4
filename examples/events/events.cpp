#include "enricher.hpp"
#include "event.hpp"
#include "settings.hpp"

#include <weir/cli/dead_letters_command.hpp>
#include <weir/cli/main.hpp>
#include <weir/connectors/files.hpp>
#include <weir/connectors/http.hpp>
#include <weir/connectors/sqlite.hpp>
#include <weir/node/node.hpp>
#include <weir/node/parts.hpp>
#include <weir/stages/awaitable.hpp>
#include <weir/weir.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// The main job: JSON events come in from a file and over HTTP, are enriched through a REST API that allows only so
/// many calls, and are stored in transactional batches together with the source's position.
namespace {

weir::result<event> parse(const weir::text_event& in) {
  if (in.oversized)
    return weir::poison("the line is " + std::to_string(in.length)
                        + " bytes long, which is too long; only its beginning is kept here");
  auto read = parse_event(in.text);
  if (!read && in.truncated_end)
    return std::move(read.error()).within("the last line has no line end: it may be cut off");
  return read;
}

weir::sqlite::insert<event> store_in(const std::string& path) {
  return {{.path = path,
           .table = "events",
           .columns = {"id", "data", "enrichment"},
           .key = "id",
           .create = "CREATE TABLE IF NOT EXISTS events(id TEXT PRIMARY KEY, data TEXT NOT NULL, "
                     "enrichment TEXT, stored_at TEXT NOT NULL DEFAULT "
                     "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))) WITHOUT ROWID"},
          [](const event& one, weir::sqlite::row& row) {
            row.set("id", one.id);
            row.set("data", one.data);
            if (!one.enrichment.empty())
              row.set("enrichment", one.enrichment);
          }};
}

weir::flow<weir::text_event> events_from(weir::pipeline& events, const settings& chosen,
                                         const std::optional<weir::files::lines_options>& input) {
  const weir::stage_options blocking{.execution = weir::execution::own_thread};
  const auto from_file = [&] { return events.from("file", weir::files::lines{*input}, blocking); };
  const auto from_http = [&] {
    return events.from("http", weir::http::events{{.listen = chosen.listen}});
  };
  if (!input)
    return from_http();
  if (chosen.listen.empty())
    return from_file();
  return events.merge(from_file(), from_http());
}

weir::pipeline pipeline_of(const settings& chosen,
                           const std::optional<weir::files::lines_options>& input) {
  using std::chrono::milliseconds;
  weir::pipeline events{"events"};
  auto parsed =
      events_from(events, chosen, input).via("parse", parse, {.mailbox_capacity = chosen.mailbox});
  if (chosen.enrich != "none")
    parsed = std::move(parsed).via("enrich",
                                   enricher{{.url = chosen.enrich,
                                             .rate = chosen.rate,
                                             .burst = chosen.burst,
                                             .connections_max = chosen.in_flight,
                                             .timeout = chosen.timeout,
                                             .cache_entries = chosen.cache_entries,
                                             .cache_lifetime = chosen.cache_lifetime}},
                                   {.mailbox_capacity = chosen.mailbox,
                                    .retry = {.attempts = chosen.attempts,
                                              .delay_min = milliseconds{50},
                                              .delay_max = milliseconds{5000}},
                                    .in_flight_max = chosen.in_flight});
  std::move(parsed)
      .batch("batch", {.size_max = chosen.batch_size,
                       .delay_max = chosen.batch_delay,
                       .mailbox_capacity = chosen.mailbox})
      .to("store", store_in(chosen.store_path()),
          {.mailbox_capacity = 8, // batches
           .retry = {.attempts = weir::unlimited, .delay_max = milliseconds{1000}},
           .execution = weir::execution::own_thread});
  events.positions_in(std::make_shared<weir::sqlite::positions>(chosen.store_path()));
  events.dead_letters_to(weir::dead_letters::sqlite{chosen.dead_letters});
  return events;
}

/// The pipeline, and how far it is with its file.
weir::parts parts_of(const settings& chosen) {
  if (chosen.input.empty())
    return pipeline_of(chosen, {});
  const auto read = std::make_shared<weir::files::progress>();
  weir::parts all{
      pipeline_of(chosen, weir::files::lines_options{.path = chosen.input, .progress = read})};
  all.input = [read]() -> std::optional<weir::input_progress> {
    if (read->bytes_total == 0)
      return std::nullopt;
    return weir::input_progress{read->bytes_read, read->bytes_total, read->bytes_at_start};
  };
  return all;
}

/// Says why it can't run, before anything does. The flight recorder is kept beside the store.
weir::result<void> prepare(const settings& chosen, weir::node_settings& node) {
  if (node.heart && node.flight_recorder.empty())
    node.flight_recorder = chosen.store_path() + ".flight";
  if (!chosen.input.empty())
    if (auto known = weir::files::identity(chosen.input); !known)
      return std::move(known.error());
  if (auto usable = store_in(chosen.store_path()).check();
      !usable && usable.error().kind == weir::failure_kind::fatal)
    return std::move(usable.error());
  return {};
}

} // namespace

int main(int argc, char** argv) {
  // This needs no other option than the dead letters themselves, as `events … dead-letters` does.
  if (argc > 1 && argv[1] == std::string_view{"dead-letters"})
    return weir::dead_letters_command(argc - 1, argv + 1, "events", [](const std::string& path) {
      return std::make_shared<weir::dead_letters::sqlite>(
          path, weir::dead_letters::sqlite_options{.busy_timeout = std::chrono::seconds{5}});
    });

  settings chosen;
  weir::configuration config{"events", "Enriches JSON events through a REST API and stores them.\n"
                                       "events dead-letters works on those that could not be."};
  declare(config, chosen);
  return weir::main(
      argc, argv, config, [&chosen] { return parts_of(chosen); },
      [&chosen](weir::node_settings& node) { return prepare(chosen, node); });
}
