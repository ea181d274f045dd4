#pragma once

#include <weir/supervision/stage_hands.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::internal {

/// The names of a pipeline in the flight recorder's file: its own, those of its stages and of its partitions.
struct section_names {
  std::string pipeline;
  std::vector<stage_hands> stages;
  std::vector<std::string> partitions;
};

/// The names as bytes of a file.
std::string bytes_of_names(const std::string& pipeline, std::span<const stage_hands> stages,
                           std::span<const std::string> partitions);

/// Reads what bytes_of_names made; nothing if the bytes are anything else, or name another number of slots.
std::optional<section_names> names_in(std::string_view bytes, std::uint32_t slots);

} // namespace weir::internal
