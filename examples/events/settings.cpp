#include "settings.hpp"

namespace {

/// What is wrong with the combination; empty if nothing is.
std::string mistake_in(const settings& chosen) {
  if (chosen.input.empty() && chosen.listen.empty())
    return "--input or --listen is needed: there is nothing to read";
  const auto local = [&](const char* host) { return chosen.listen.starts_with(host); };
  if (!chosen.listen.empty() && !local("127.") && !local("localhost:") && !local("[::1]:"))
    return "--listen must be a loopback address as 127.0.0.1:PORT, not '" + chosen.listen + "'";
  if (!chosen.store.starts_with("sqlite:") || chosen.store_path().empty())
    return "--store must be sqlite:PATH, not '" + chosen.store + "'";
  if (chosen.store_path() == chosen.dead_letters)
    return "--store and --dead-letters must be different files";
  if (chosen.enrich != "none" && !chosen.enrich.starts_with("http://")
      && !chosen.enrich.starts_with("https://"))
    return "--enrich must be none or begin with http:// or https://, not '" + chosen.enrich + "'";
  if (chosen.batch_size > chosen.mailbox)
    return "--batch-size " + std::to_string(chosen.batch_size) + " is larger than --mailbox "
           + std::to_string(chosen.mailbox);
  if (chosen.enrich != "none" && chosen.in_flight > chosen.mailbox)
    return "--in-flight " + std::to_string(chosen.in_flight) + " is larger than --mailbox "
           + std::to_string(chosen.mailbox);
  if (!chosen.input.empty() && !chosen.listen.empty() && chosen.mailbox < 2)
    return "--mailbox must be at least 2 with --input and --listen";
  return {};
}

} // namespace

void declare(weir::configuration& config, settings& chosen) {
  config.option("input", chosen.input,
                "JSON lines to read: a file, plain or gzip, or - for standard input.");
  config.option("listen", chosen.listen,
                "Address to serve POST /events on, as 127.0.0.1:PORT; port 0 takes a free one.");
  config.option("enrich", chosen.enrich,
                "The API to ask about each event, as http[s]://host:port/path; or none.");
  config.option("rate", chosen.rate, "Calls a second to the API at most.").range(1, 1'000'000);
  config.option("burst", chosen.burst, "Calls that may go out at once after a pause.")
      .range(1, 1'000'000);
  config.option("in-flight", chosen.in_flight, "Events that wait for the API at a time.")
      .range(1, 10'000);
  config.option("timeout", chosen.timeout, "Time for one call to the API.");
  config
      .option("attempts", chosen.attempts,
              "Tries to enrich an event before it becomes a dead letter.")
      .range(1, 1'000'000);
  config.option("cache-entries", chosen.cache_entries, "Answers of the API that are kept; 0: none.")
      .range(0, 100'000'000);
  config.option("cache-lifetime", chosen.cache_lifetime, "How long an answer is good.");
  config.option("batch-size", chosen.batch_size, "Rows in a transaction at most.")
      .range(1, 100'000);
  config.option("batch-delay", chosen.batch_delay, "How long a row waits for its batch to fill.");
  config.option("mailbox", chosen.mailbox, "Capacity of each stage's mailbox, in events.")
      .range(1, 1'000'000);
  config.option("store", chosen.store, "Where the events go, as sqlite:PATH.").required();
  config
      .option("dead-letters", chosen.dead_letters,
              "SQLite file for events that can't be stored, with the cause.")
      .required();
  config.check([&chosen] { return mistake_in(chosen); });
}
