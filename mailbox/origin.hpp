#pragma once

#include <cstdint>
#include <string>

namespace weir::internal {

class origin_group;

/// Where an item came from: one word that travels with it and is settled when the item's way ends.
///
/// It is either a *partition* (a source, or a part of one) with a *position* in that partition (a line number, an
/// offset), or a group: the origins of all the items that a batch was made of.
class origin {
public:
  static constexpr std::uint64_t position_max = (std::uint64_t{1} << 48U) - 1;
  static constexpr std::uint32_t partitions_max = 0x7FFF;

  /// An empty origin belongs to nothing: settling it does nothing.
  constexpr origin() = default;

  /// Requires partition < partitions_max and position <= position_max, which whoever reads the position sees to: see
  /// beyond_positions.
  constexpr origin(std::uint32_t partition, std::uint64_t position)
      : word_{(std::uint64_t{partition + 1} << 48U) | position} {}

  /// Pointers into user space fit in 48 bits on every platform that the rings are built for.
  explicit origin(origin_group* group)
      : word_{group_bit | static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(group))} {}

  /// The inverse of `word`.
  static constexpr origin from_word(std::uint64_t word) {
    origin made;
    made.word_ = word;
    return made;
  }

  constexpr bool empty() const { return word_ == 0; }
  constexpr bool is_group() const { return (word_ & group_bit) != 0; }

  /// Both require an origin that is neither empty nor a group. Nobody checks it: they are called for each item.
  constexpr std::uint32_t partition() const { return static_cast<std::uint32_t>(word_ >> 48U) - 1; }
  constexpr std::uint64_t position() const { return word_ & position_max; }

  /// Requires `is_group()`.
  origin_group* group() const {
    return reinterpret_cast<origin_group*>(static_cast<std::uintptr_t>(word_ & position_max));
  }

  constexpr std::uint64_t word() const { return word_; }

  constexpr bool operator==(const origin&) const = default;

private:
  static constexpr std::uint64_t group_bit = std::uint64_t{1} << 63U;

  std::uint64_t word_ = 0;
};

/// What is wrong with a position that no origin can hold, for a sentence about it.
std::string beyond_positions(std::uint64_t position);

} // namespace weir::internal
