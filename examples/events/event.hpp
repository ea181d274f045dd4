#pragma once

#include <weir/supervision/failure.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

/// An event as it goes through the pipeline: `{"id": string, "data": any JSON}`, and what the API knows of it.
struct event {
  std::string id;
  std::string data; ///< JSON, without white space, numbers as they were written
  std::string key;  ///< what is looked up: the string "ip" in data, or the id where there is none
  std::string enrichment; ///< JSON; empty where nothing was looked up
};

std::string weir_payload(const event& one);
weir::result<event> weir_from_payload(std::type_identity<event>, std::string_view text);

/// How deep arrays and objects may nest.
inline constexpr std::size_t nesting_max = 64;

/// Reads one event. Poison, with what is wrong and at which byte, if the text is not exactly one JSON object with
/// a string "id" and a "data": also for repeated keys, invalid UTF-8, NUL bytes and deep nesting. Other members
/// are ignored.
weir::result<event> parse_event(std::string_view text);
