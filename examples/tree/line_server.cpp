#include "entrance.hpp"
#include "listener.hpp"

#include <weir/actors/thread_child.hpp>
#include <weir/node/configuration.hpp>
#include <weir/node/parts.hpp>
#include <weir/weir.hpp>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>

/// A server that stores lines. Each connection is a session, which has a child of its own in the supervision tree; what
/// the sessions read goes through one pipeline into one file. A session that fails takes nobody with it.
namespace {

using namespace std::chrono_literals;

struct settings {
  std::uint32_t port = 0;
  std::uint32_t sessions_max = 64;
  std::string output;
};

/// Appends lines to a file. A line counts as stored when the system has it.
class appender {
public:
  using input = std::string;

  explicit appender(const std::string& path) : path_{path}, file_{path, std::ios::app} {}

  weir::result<void> on_item(const std::string& line, weir::context&) {
    if (file_ << line << '\n' << std::flush)
      return {};
    return weir::fatal("can't write to '" + path_ + "'");
  }

private:
  std::string path_;
  std::ofstream file_;
};

weir::result<std::string> check(const std::string& line) {
  if (line.empty())
    return weir::poison("the line is empty");
  return line;
}

weir::pipeline lines_of(const settings& chosen, entrance& into) {
  weir::pipeline lines{"lines"};
  lines.from("sessions", into.renew().source())
      .via("check", check)
      .to("store", weir::factory{[path = chosen.output] { return appender{path}; }},
          {.execution = weir::execution::own_thread});
  lines.dead_letters_to(weir::dead_letters::memory{});
  return lines;
}

/// What is started last is stopped first: the listener, then the sessions, then the pipeline that they push into.
// [tree]
weir::tree server_of(const settings& chosen) {
  const auto into = std::make_shared<entrance>();
  weir::tree sessions{
      "sessions",
      {.supervision = {.strategy = weir::dynamic},
       .children = {{.id = "session", .restart = weir::restart::temporary, .shutdown = 5s}}}};
  const listener accepting{.port = static_cast<std::uint16_t>(chosen.port),
                           .sessions_max = chosen.sessions_max,
                           .into = into,
                           .sessions = sessions.ref()};
  weir::tree server{"server", {.supervision = {.intensity = 3, .period = 10s}}};
  server.add_pipeline("lines", [chosen, into] { return lines_of(chosen, *into); })
      .add(sessions)
      .add({.id = "listener",
            .start = weir::thread_child(
                [accepting](const std::stop_token& stop) { return accepting.run(stop); }),
            .shutdown = 1s});
  return server;
}
// [tree]

/// What is wrong with the file; empty if nothing is.
std::string mistake_in(const settings& chosen) {
  if (std::ofstream{chosen.output, std::ios::app})
    return {};
  return "--output: can't write to '" + chosen.output
         + "': " + std::generic_category().message(errno);
}

} // namespace

// [main]
int main(int argc, char** argv) {
  settings chosen;
  weir::configuration config{"line_server", "Stores the lines that come over TCP.", "1.0.0"};
  config.option("port", chosen.port, "Where it listens, on 127.0.0.1; 0: any, which is printed.")
      .range(0, 65535);
  config.option("sessions-max", chosen.sessions_max, "Connections at a time.").range(1, 10'000);
  config.option("output", chosen.output, "Where the lines go.").value_name("FILE").required();
  config.check([&chosen] { return mistake_in(chosen); });
  return weir::main(argc, argv, config, [&chosen] { return server_of(chosen); });
}
// [main]
