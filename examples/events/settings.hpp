#pragma once

#include <weir/node/configuration.hpp>

#include <chrono>
#include <cstdint>
#include <string>

/// What `events` can be told, besides what every node can.
struct settings {
  std::string input;  ///< a file, "-" for standard input; empty: none
  std::string listen; ///< "127.0.0.1:PORT"; empty: no server
  std::string enrich = "none";
  std::uint32_t rate = 500;
  std::uint32_t burst = 10;
  std::uint32_t in_flight = 50;
  std::chrono::milliseconds timeout{2000};
  std::uint32_t attempts = 8;
  std::uint32_t cache_entries = 100'000;
  std::chrono::milliseconds cache_lifetime{300'000};
  std::uint32_t batch_size = 100;
  std::chrono::milliseconds batch_delay{50};
  std::uint32_t mailbox = 1024;
  std::string store;        ///< "sqlite:PATH"
  std::string dead_letters; ///< a path

  /// The path in `store`. Requires that it was checked.
  std::string store_path() const { return store.substr(std::string{"sqlite:"}.size()); }
};

/// Declares all of them, and what can be wrong with their combination. `chosen` must outlive the parsing.
void declare(weir::configuration& config, settings& chosen);
