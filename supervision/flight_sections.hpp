#pragma once

#include <weir/supervision/section_names.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::internal {

/// A partition, as the next life knows it.
struct recorded_partition {
  std::uint64_t key = 0; ///< flight_key
  std::string name;      ///< for a reader
};

/// What a pipeline left in the flight recorder's file.
struct recorded_pipeline {
  std::uint64_t at = 0; ///< where its section is, from the beginning of the file
  std::string name;
  std::vector<stage_hands> stages;
  std::map<std::uint32_t, recorded_partition>
      partitions;         ///< by index: the last names; none for one whose name is torn
  std::string_view slots; ///< of all stages
};

/// The sections of a flight recorder's file.
struct flight_sections {
  std::vector<recorded_pipeline> pipelines;
  bool damaged = false; ///< one can't be read: it and what follows are left out
};

/// Reads the sections in the bytes of a file, which may be anything, and have to outlive what is answered.
flight_sections sections_in(std::string_view bytes);

} // namespace weir::internal
