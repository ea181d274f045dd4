#pragma once

#include <cstdint>

namespace weir::files {

/// Which file of this machine one is, whatever its path. Only a hint once it was closed: its number is used again.
struct file_id {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const file_id&) const = default;
};

} // namespace weir::files
