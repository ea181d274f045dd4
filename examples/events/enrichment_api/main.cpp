// A small REST server that stands in for a real one in the demo and in tests: it looks up facts for an IP
// address or a key, enforces its own rate limit, and misbehaves when told to.

#include "server.hpp"

#include <exception>
#include <iostream>
#include <stdexcept>

#include <CLI/CLI.hpp>

namespace {

using namespace enrichment_api;
namespace asio = boost::asio;

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

struct command_line {
  std::string listen = "127.0.0.1:0";
  std::int64_t slow_ms = 0;
  server_options server;
  fault_set faults;
};

/// Throws `std::invalid_argument`. Names aren't resolved: what "localhost" means is up to somebody else.
asio::ip::tcp::endpoint parse_endpoint(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) {
    throw std::invalid_argument{"--listen: expected ADDRESS:PORT, found " + text};
  }
  auto host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  boost::system::error_code not_an_address;
  const auto address = asio::ip::make_address(host, not_an_address);
  if (not_an_address) {
    throw std::invalid_argument{"--listen: expected an IP address before the port, found " + host};
  }
  if (!address.is_loopback()) {
    throw std::invalid_argument{"--listen: " + host
                                + " is not a loopback address; this server is for demos and tests"};
  }
  unsigned short port = 0;
  if (!CLI::detail::lexical_cast(text.substr(colon + 1), port)) {
    throw std::invalid_argument{"--listen: expected a port from 0 to 65535, found "
                                + text.substr(colon + 1)};
  }
  return {address, port};
}

void declare_flags(CLI::App& app, command_line& flags) {
  const CLI::Range positive{std::int64_t{1}, std::int64_t{1'000'000}};
  app.add_option("--listen", flags.listen, "where to listen, loopback only; port 0: any free port")
      ->capture_default_str();
  app.add_option("--port-file", flags.server.port_file, "write the port here once it listens");
  app.add_option("--rate", flags.server.rate, "calls per second let through; beyond it 429")
      ->check(positive)
      ->capture_default_str();
  app.add_option("--burst", flags.server.burst, "calls beyond the rate let through at once")
      ->check(positive)
      ->capture_default_str();
  app.add_option("--seed", flags.server.seed, "decides which calls are hit by a fault")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--slow", flags.slow_ms, "milliseconds to wait before any answer");
  app.add_option("--fail", flags.faults.fail, "share of calls answered 500 or 503, 0 to 1");
  app.add_option("--hang", flags.faults.hang, "share of calls never answered, 0 to 1");
  app.add_option("--garbage", flags.faults.garbage, "share of calls answered with garbage, 0 to 1");
  app.add_option("--status", flags.faults.status, "answer the other calls with this, 400 to 599");
  app.add_option("--match", flags.faults.match, "faults only for keys that begin with this");
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Looks up facts for an IP address or a key: GET /lookup?key=K. Also GET /stats, and "
               "GET, POST and DELETE /faults."};
  command_line flags;
  declare_flags(app, flags);
  try {
    app.parse(argc, argv);
    flags.server.listen = parse_endpoint(flags.listen);
    flags.faults.slow = std::chrono::milliseconds{flags.slow_ms};
    server server{flags.server, flags.faults};
    server.run();
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::cerr << "enrichment_api: " << error.what() << "\n";
    return exit_usage;
  } catch (const std::invalid_argument& error) {
    std::cerr << "enrichment_api: " << error.what() << "\n";
    return exit_usage;
  } catch (const std::exception& error) {
    std::cerr << "enrichment_api: " << error.what() << "\n";
    return exit_failure;
  }
  return 0;
}
