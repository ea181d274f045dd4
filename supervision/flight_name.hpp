#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::internal {

/// The name of a partition that was opened while its pipeline ran, as it lies in the recorder's file. Its place there
/// is its index. The name that was there before is written over; where the process dies of that, it is torn, which
/// the checksum tells.
struct flight_name {
  std::uint64_t key = 0;        ///< flight_key, of the whole name
  std::array<char, 240> text{}; ///< for a reader: cut where it is too long
  std::uint64_t checksum = 0;   ///< of the index and all before it

  static flight_name of(std::uint32_t index, std::uint64_t key, std::string_view text);

  /// Was it written as the name of this index, and wholly?
  bool is_sound(std::uint32_t index) const;
  bool was_never_written() const { return *this == flight_name{}; }

  bool operator==(const flight_name&) const = default;
};
static_assert(sizeof(flight_name) == 256);

} // namespace weir::internal
