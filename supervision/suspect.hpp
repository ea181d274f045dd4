#pragma once

#include <cstdint>
#include <optional>

namespace weir::internal {

/// Positions of one partition that were in hand at one stage when a process died. Lies in the recorder's file as it
/// is.
struct suspect {
  std::uint64_t stage = 0;     ///< flight_key
  std::uint64_t partition = 0; ///< flight_key
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint32_t deaths = 0;   ///< processes that died with it in hand
  std::uint32_t failures = 0; ///< runs that failed
  std::int32_t status = 0;    ///< of the last death, as waitpid gives it; see unknown_status
  std::uint32_t alone = 0;    ///< 1: nothing else was in hand when the last one died
  std::int64_t first_at = 0;  ///< when it was first noticed, in ms since 1970
  std::uint64_t reserved = 0;

  static constexpr std::int32_t unknown_status = -1;

  std::optional<int> last_status() const;
  /// Its runs so far, as those of an item are counted.
  std::uint32_t attempts() const { return deaths + failures; }

  bool operator==(const suspect&) const = default;
};
static_assert(sizeof(suspect) == 64);

} // namespace weir::internal
